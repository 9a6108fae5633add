import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";

/** How many a subject may take in a window. Windows begin at multiples of their length, on every server at the same time. */
export type LimitSettings = { points: number; windowMs: number };

/** What one server has counted of a subject in the window that ends at `endsAt`. `told` is called when it was written. */
export type Counted = { endsAt: number; subject: string; count: number; told(): void };

/** One limit in the memory of one process. */
export type Limit = {
  /** Counts one more of a subject: 0 when that is allowed, else how long the window still lasts, in milliseconds. */
  take(subject: string): Promise<number>;
  /** The same, with a way to take the count back into the window that it was made in. */
  takeBackably(subject: string): Promise<{ waitMs: number; giveBack(): Promise<void> }>;
  /** What other servers should hear: of each subject that took much, and more since they last heard. */
  untold(): Counted[];
  /** Takes up what all other servers together have counted in a window so far. One that is not the current one is ignored. */
  hear(endsAt: number, subject: string, count: number): Promise<void>;
};

type Busy = { taken: number; others: number; told: number };
type Window = { endsAt: number; counter: RateLimiterMemory; subjects: number; busy: Map<string, Busy> };

/** What a limit has counted in its latest window. */
export type LimitMemory = { window: Window | null };

/** A memory in which nothing is counted yet. */
export function createLimitMemory(): LimitMemory {
  return { window: null };
}

/** Beyond this many subjects in one window no new ones are counted: their memory would be the attack. */
export const mostSubjects = 100_000;

/**
 * Makes a limit. Counting is synchronous within a call: of any number at once never too many are let through. Time is `now`
 * alone: a window ends by it, and a clock that is set begins a new one.
 */
export function createLimit(
  { points, windowMs }: LimitSettings,
  now: () => number,
  memory: LimitMemory = createLimitMemory(),
): Limit {
  // below this others need not know: it keeps the visitors of a normal day out of the database
  const step = Math.max(1, Math.floor(points / 10));

  function current(): Window {
    const endsAt = (Math.floor(now() / windowMs) + 1) * windowMs;
    if (memory.window?.endsAt !== endsAt) memory.window = openWindow(points, endsAt);
    return memory.window;
  }

  function note(own: Window, subject: string, { consumedPoints, isFirstInDuration }: RateLimiterRes): void {
    if (isFirstInDuration) own.subjects++;
    const busy = own.busy.get(subject);
    if (busy !== undefined) busy.taken = consumedPoints;
    else if (consumedPoints >= step) own.busy.set(subject, { taken: consumedPoints, others: 0, told: 0 });
  }

  async function takeIn(own: Window, subject: string): Promise<number> {
    if (own.subjects >= mostSubjects && (await own.counter.get(subject)) === null) return 0;
    try {
      note(own, subject, await own.counter.consume(subject));
      return 0;
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      note(own, subject, refusal);
      return Math.max(1, own.endsAt - now());
    }
  }

  return {
    take: (subject) => takeIn(current(), subject),
    async takeBackably(subject) {
      const own = current();
      const waitMs = await takeIn(own, subject);
      const giveBack = async () => {
        if ((await own.counter.get(subject)) !== null) note(own, subject, await own.counter.reward(subject));
      };
      return { waitMs, giveBack };
    },
    untold() {
      const { endsAt, busy } = current();
      return [...busy].flatMap(([subject, one]) => {
        const count = one.taken - one.others;
        if (count - one.told < step || one.told >= points) return [];
        const told = () => {
          one.told = count;
        };
        return [{ endsAt, subject, count, told }];
      });
    },
    async hear(endsAt, subject, count) {
      const own = current();
      const heard = own.busy.get(subject)?.others ?? 0;
      if (own.endsAt !== endsAt || count <= heard) return;
      const result = await own.counter.penalty(subject, count - heard);
      if (result.isFirstInDuration) own.subjects++;
      const told = own.busy.get(subject)?.told ?? 0;
      own.busy.set(subject, { taken: result.consumedPoints, others: count, told });
    },
  };
}

/** The library counts; it is given no time of its own, so a window's memory goes with the window, without a timer for each subject. */
function openWindow(points: number, endsAt: number): Window {
  return {
    endsAt,
    counter: new RateLimiterMemory({ points, duration: 0, keyPrefix: "" }),
    subjects: 0,
    busy: new Map(),
  };
}
