import { randomBytes } from "node:crypto";

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** A new id in Stripe's manner: the prefix (`prod`, `cs_test` …), an underscore, letters and digits. */
export function newId(prefix: string, length = 24): string {
  return `${prefix}_${randomText(length)}`;
}

function randomText(length: number): string {
  let text = "";
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      // 248 is the largest multiple of 62 a byte can reach: beyond it letters would not be equally likely.
      text += byte < 248 ? (alphabet[byte % 62] ?? "") : "";
    }
  }
  return text.slice(0, length);
}
