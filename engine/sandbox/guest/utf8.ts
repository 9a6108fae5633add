/** UTF-8 of a string; lone surrogates become U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 3);
  return bytes.slice(0, encodeUtf8Into(text, bytes).written);
}

/** Writes as much of the UTF-8 as fits in whole characters. `read` counts the string's UTF-16 units, `written` bytes. */
export function encodeUtf8Into(text: string, bytes: Uint8Array): { read: number; written: number } {
  let at = 0;
  let i = 0;
  for (; i < text.length; i += 1) {
    let point = text.codePointAt(i) ?? 0;
    if (at + bytesOf(point) > bytes.length) break;
    if (point > 0xff_ff) i += 1;
    if (point >= 0xd8_00 && point <= 0xdf_ff) point = 0xff_fd;
    if (point < 0x80) bytes[at++] = point;
    else if (point < 0x8_00) {
      bytes[at++] = 0xc0 | (point >> 6);
      bytes[at++] = 0x80 | (point & 63);
    } else {
      if (point < 0x1_00_00) bytes[at++] = 0xe0 | (point >> 12);
      else {
        bytes[at++] = 0xf0 | (point >> 18);
        bytes[at++] = 0x80 | ((point >> 12) & 63);
      }
      bytes[at++] = 0x80 | ((point >> 6) & 63);
      bytes[at++] = 0x80 | (point & 63);
    }
  }
  return { read: i, written: at };
}

function bytesOf(point: number): number {
  if (point < 0x80) return 1;
  if (point < 0x8_00) return 2;
  return point < 0x1_00_00 ? 3 : 4;
}

/** The UTF-8 decoder of https://encoding.spec.whatwg.org/#utf-8-decoder. Throws a TypeError on bad bytes if `fatal`. */
export function decodeUtf8(bytes: Uint8Array, fatal: boolean, keepMark: boolean): string {
  let out = "";
  let point = 0;
  let needed = 0;
  let lower = 0x80;
  let upper = 0xbf;
  const bad = () => {
    if (fatal) throw new TypeError("the bytes are not UTF-8");
    out += "\ufffd";
  };
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes[i] ?? 0;
    if (needed > 0) {
      if (byte >= lower && byte <= upper) {
        [lower, upper] = [0x80, 0xbf];
        point = (point << 6) | (byte & 63);
        needed -= 1;
        if (needed === 0) out += String.fromCodePoint(point);
        continue;
      }
      [lower, upper, needed] = [0x80, 0xbf, 0];
      bad();
    }
    if (byte < 0x80) out += String.fromCharCode(byte);
    else if (byte >= 0xc2 && byte <= 0xdf) [needed, point] = [1, byte & 31];
    else if (byte >= 0xe0 && byte <= 0xef) {
      if (byte === 0xe0) lower = 0xa0;
      if (byte === 0xed) upper = 0x9f;
      [needed, point] = [2, byte & 15];
    } else if (byte >= 0xf0 && byte <= 0xf4) {
      if (byte === 0xf0) lower = 0x90;
      if (byte === 0xf4) upper = 0x8f;
      [needed, point] = [3, byte & 7];
    } else bad();
  }
  if (needed > 0) bad();
  return !keepMark && out.startsWith("\ufeff") ? out.slice(1) : out;
}
