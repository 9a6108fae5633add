import { install } from "./outbox.ts";

const RealDate = Date;
const { construct } = Reflect;
let nowMs = 0;
let startMs = 0;

/** Sets the time that the guest sees. It stands still within a slice, so a replayed run sees the same times. */
export function setClock(ms: number): void {
  nowMs = ms;
  if (startMs === 0) startMs = ms;
}

/** Milliseconds since the run began, as of this slice. */
export function elapsedMs(): number {
  return nowMs - startMs;
}

/** Replaces `Date` by one whose present is the slice's clock. */
export function installClock(): void {
  function StillDate(...args: unknown[]): unknown {
    if (new.target === undefined) return `${construct(RealDate, [nowMs])}`;
    return construct(RealDate, args.length === 0 ? [nowMs] : args, new.target);
  }
  const statics = { now: () => nowMs, parse: RealDate.parse, UTC: RealDate.UTC };
  for (const name of ["now", "parse", "UTC"] as const) {
    Object.defineProperty(StillDate, name, { value: statics[name], writable: true, configurable: true });
  }
  Object.defineProperty(StillDate, "name", { value: "Date", configurable: true });
  Object.defineProperty(StillDate, "length", { value: 7, configurable: true });
  Object.defineProperty(StillDate, "prototype", { value: RealDate.prototype, writable: false });
  Object.defineProperty(RealDate.prototype, "constructor", { value: StillDate, writable: true, configurable: true });
  install("Date", StillDate);
}

/** Replaces `Math.random` by a repeatable generator (sfc32) seeded by the supervisor. Not for secrets. */
export function seedRandom(seed: readonly number[]): void {
  let [a = 1, b = 2, c = 3, d = 4] = seed;
  const random = () => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    return (t >>> 0) / 4_294_967_296;
  };
  Object.defineProperty(Math, "random", { value: random, writable: true, configurable: true });
}
