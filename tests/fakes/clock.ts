/** A clock that stands still until it is moved. Milliseconds since the epoch. */
export type Clock = { now: () => number; advance: (ms: number) => void; set: (ms: number) => void };

/** Makes a clock that shows `startMs`. */
export function createClock(startMs: number): Clock {
  let current = startMs;
  return {
    now: () => current,
    advance: (ms) => {
      current += ms;
    },
    set: (ms) => {
      current = ms;
    },
  };
}
