/** Something to be done at a time. */
export interface Alarm {
  /** Sets it to a time, Unix milliseconds by the given clock, instead of the one before; undefined is never. */
  set(atMs: number | undefined): void;
}

/** An alarm that keeps no process alive. Where the clock stands still it rings early: whoever hears it looks again. */
export function createAlarm(nowMs: () => number, ring: () => void): Alarm {
  let timer: NodeJS.Timeout | undefined;
  return {
    set: (atMs) => {
      clearTimeout(timer);
      timer = undefined;
      if (atMs !== undefined) {
        timer = setTimeout(ring, Math.min(Math.max(atMs - nowMs(), 1), longestMs)).unref();
      }
    },
  };
}

/** A clock that is moved from outside is looked at once a minute. */
const longestMs = 60_000;
