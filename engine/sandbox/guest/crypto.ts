/** `crypto` of the Web Cryptography API: random values here, digests and HMAC in `subtle-crypto.ts`. */
import type { Core } from "./parts.ts";
import { randomBytes } from "./random-bytes.ts";

declare const core: Core;
const { domException, lazily, loadPart, provide } = core;

/** https://w3c.github.io/webcrypto/#Crypto-method-getRandomValues */
const quotaBytes = 65_536;
const integerViews = /^(?:Big)?(?:Ui|I)nt\d+(?:Clamped)?Array$/;

const subtle = lazily("subtle", () => loadPart("subtle-crypto"));

class Crypto {
  get subtle(): unknown {
    return subtle();
  }

  getRandomValues<T>(view: T): T {
    if (!ArrayBuffer.isView(view) || !integerViews.test(Object.prototype.toString.call(view).slice(8, -1))) {
      throw domException("getRandomValues takes an array of integers", "TypeMismatchError");
    }
    if (view.byteLength > quotaBytes) {
      throw domException(`getRandomValues makes at most ${quotaBytes} bytes at a time`, "QuotaExceededError");
    }
    new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(randomBytes(view.byteLength));
    return view;
  }

  /** RFC 9562, version 4. */
  randomUUID(): string {
    let text = "";
    randomBytes(16).forEach((byte, at) => {
      let value = byte;
      if (at === 6) value = (byte & 0x0f) | 0x40;
      if (at === 8) value = (byte & 0x3f) | 0x80;
      text += (at === 4 || at === 6 || at === 8 || at === 10 ? "-" : "") + (value + 0x100).toString(16).slice(1);
    });
    return text;
  }

  get [Symbol.toStringTag](): string {
    return "Crypto";
  }
}

provide({ crypto: new Crypto() });
