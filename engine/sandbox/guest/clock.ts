import { define, install, installLazily, provide } from "./globals.ts";
import { kept } from "./outbox.ts";

const RealDate = Date;
const RealIntl = Intl;
const { apply, construct, getOwnPropertyDescriptor } = Reflect;
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

/** Replaces `Date` by one whose present is the slice's clock, and installs `performance` with the same. */
export function installClock(): void {
  function StillDate(...args: unknown[]): unknown {
    if (new.target === undefined) return `${construct(RealDate, [nowMs])}`;
    return construct(RealDate, args.length === 0 ? [nowMs] : args, new.target);
  }
  define(StillDate, "now", () => nowMs);
  define(StillDate, "parse", RealDate.parse);
  define(StillDate, "UTC", RealDate.UTC);
  kept.define(StillDate, "name", { value: "Date", configurable: true });
  kept.define(StillDate, "length", { value: 7, configurable: true });
  kept.define(StillDate, "prototype", { value: RealDate.prototype, writable: false });
  define(RealDate.prototype, "constructor", StillDate);
  install("Date", StillDate);
  installLazily(["performance"], () => provide({ performance: stillPerformance() }));
  installLazily(["Intl"], () => provide({ Intl: stillIntl() }));
}

/** `Intl` writes the present when it is given no date. There is no other way to it than by its name. */
function stillIntl(): unknown {
  const { prototype } = RealIntl.DateTimeFormat;
  const movingParts = prototype.formatToParts;
  const boundFormat = getOwnPropertyDescriptor(prototype, "format")?.get;
  if (boundFormat === undefined) throw new Error("Intl.DateTimeFormat has changed");
  // on the formatter's own function, which no author gets: it must be the same each time it is asked for
  const still = Symbol("still");
  const get = function format(this: unknown): unknown {
    const moving = apply(boundFormat, this, []);
    if (kept.get(moving, still) === undefined) {
      define(moving, still, (date?: unknown) => apply(moving, undefined, [date === undefined ? nowMs : date]));
    }
    return kept.get(moving, still);
  };
  kept.define(prototype, "format", { get, configurable: true });
  const partsOf = function formatToParts(this: unknown, date?: unknown): unknown {
    return apply(movingParts, this, [date === undefined ? nowMs : date]);
  };
  define(prototype, "formatToParts", partsOf);
  return RealIntl;
}

/** The High Resolution Time standard's clock, by the slice's: it is not of a resolution that would tell of the machine. */
function stillPerformance(): unknown {
  class StillPerformance {
    get timeOrigin(): number {
      return startMs;
    }

    now(): number {
      return elapsedMs();
    }

    toJSON(): object {
      return { timeOrigin: startMs };
    }

    get [Symbol.toStringTag](): string {
      return "Performance";
    }
  }
  return new StillPerformance();
}
