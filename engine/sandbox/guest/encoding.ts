/** `TextEncoder`, `TextDecoder` (UTF-8 only), `atob` and `btoa`. */
import type { Core } from "./parts.ts";
import { decodeUtf8, encodeUtf8, encodeUtf8Into } from "./utf8.ts";

declare const core: Core;
const { domException, provide } = core;

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

class TextEncoder {
  get encoding(): string {
    return "utf-8";
  }

  encode(text: unknown = ""): Uint8Array {
    return encodeUtf8(`${text}`);
  }

  encodeInto(text: unknown, target: unknown): { read: number; written: number } {
    if (!(target instanceof Uint8Array)) throw new TypeError("encodeInto writes to a Uint8Array");
    return encodeUtf8Into(`${text}`, target);
  }
}

class TextDecoder {
  readonly encoding = "utf-8";
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;

  constructor(label: unknown = "utf-8", options: { fatal?: boolean; ignoreBOM?: boolean } = {}) {
    const name = `${label}`.trim().toLowerCase();
    if (name !== "utf-8" && name !== "utf8") throw new RangeError(`the encoding "${name}" is not available`);
    this.fatal = options.fatal === true;
    this.ignoreBOM = options.ignoreBOM === true;
  }

  decode(input?: ArrayBuffer | ArrayBufferView): string {
    if (input === undefined) return "";
    const bytes = ArrayBuffer.isView(input)
      ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
      : new Uint8Array(input);
    return decodeUtf8(bytes, this.fatal, this.ignoreBOM);
  }
}

/** https://html.spec.whatwg.org/multipage/webappapis.html#dom-btoa */
function toBase64(input: unknown): string {
  const text = `${input}`;
  let out = "";
  for (let i = 0; i < text.length; i += 3) {
    const [a, b, c] = [text.charCodeAt(i), text.charCodeAt(i + 1), text.charCodeAt(i + 2)];
    if (a > 255 || b > 255 || c > 255)
      throw domException("btoa takes characters up to U+00FF", "InvalidCharacterError");
    out += alphabet.charAt(a >> 2) + alphabet.charAt(((a & 3) << 4) | (b >> 4));
    out += i + 1 < text.length ? alphabet.charAt(((b & 15) << 2) | (c >> 6)) : "=";
    out += i + 2 < text.length ? alphabet.charAt(c & 63) : "=";
  }
  return out;
}

/** https://infra.spec.whatwg.org/#forgiving-base64-decode */
function fromBase64(input: unknown): string {
  let text = `${input}`.replace(/[\t\n\f\r ]/g, "");
  if (text.length % 4 === 0) text = text.replace(/={1,2}$/, "");
  if (text.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(text)) {
    throw domException("atob was given text that is not base64", "InvalidCharacterError");
  }
  let out = "";
  let bits = 0;
  let held = 0;
  for (let i = 0; i < text.length; i += 1) {
    held = ((held << 6) | alphabet.indexOf(text.charAt(i))) & 0xff_ff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out += String.fromCharCode((held >> bits) & 255);
  }
  return out;
}

provide({ TextEncoder, TextDecoder, atob: fromBase64, btoa: toBase64 });
