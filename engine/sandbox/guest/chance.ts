import { define } from "./globals.ts";

let key = "";

/** Makes this run's chances repeatable: `seed` is for `Math.random`, `randomKey` (64 hex digits) for `crypto`. */
export function setChances(seed: readonly number[], randomKey: string): void {
  key = randomKey;
  seedRandom(seed);
}

/** The secret that this run's `crypto` values come from, in hex. Another run has another. */
export function keyOfRun(): string {
  return key;
}

/** Replaces `Math.random` by a repeatable generator (sfc32) seeded by the supervisor. Not for secrets. */
function seedRandom(seed: readonly number[]): void {
  let [a = 1, b = 2, c = 3, d = 4] = seed;
  const random = () => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    return (t >>> 0) / 4_294_967_296;
  };
  define(Math, "random", random);
}
