/** SHA-256 of a text, in hex. */
export async function sha256Hex(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex();
}

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/**
 * An id such as `ent_0QJ8mJk…`: seven characters of time in milliseconds, then twelve random ones (71 bits). Rows made one
 * after another are neighbours in every index that begins with it, which is most of what writing them costs. It says when
 * it was made: for what may be known, never for a secret.
 */
export function newId(prefix: string, nowMs: number): string {
  let [rest, time] = [nowMs, ""];
  for (let i = 0; i < 7; i++) {
    time = alphabet.charAt(rest % 62) + time;
    rest = Math.floor(rest / 62);
  }
  return `${prefix}_${time}${randomText(12)}`;
}

/** A random text of `length` characters from [0-9A-Za-z]: 5.95 bits each. */
export function randomText(length: number): string {
  let text = "";
  while (text.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length))) {
      // 248 is the largest multiple of 62 in a byte: what lies above would favour the first letters
      if (byte < 248 && text.length < length) text += alphabet.charAt(byte % 62);
    }
  }
  return text;
}
