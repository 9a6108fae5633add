import { define } from "./globals.ts";

let key = "";
let a = 1;
let b = 2;
let c = 3;
let d = 4;

/** Makes this run's chances repeatable: `seed` is for `Math.random`, `randomKey` (64 hex digits) for `crypto`. */
export function setChances(seed: readonly number[], randomKey: string): void {
  key = randomKey;
  a = seed[0] ?? 1;
  b = seed[1] ?? 2;
  c = seed[2] ?? 3;
  d = seed[3] ?? 4;
}

/** The secret that this run's `crypto` values come from, in hex. Another run has another. */
export function keyOfRun(): string {
  return key;
}

/** Replaces `Math.random` by a repeatable generator (sfc32) seeded by the supervisor. Not for secrets. */
export function installRandom(): void {
  define(Math, "random", () => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    return (t >>> 0) / 4_294_967_296;
  });
}
