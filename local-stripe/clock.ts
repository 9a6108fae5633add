import type { Store } from "./store.ts";

/** The time it is here. */
export interface Clock {
  /** Milliseconds, moved. */
  nowMs(): number;
  /** Milliseconds by the clock that was given, unmoved: what the rest of the world has. */
  worldMs(): number;
  /** Moves the clock forward, for good. */
  advance(ms: number): void;
}

/** A clock whose offset from `now` is kept in the store. */
export function openClock(store: Store, now: () => number): Clock {
  let offsetMs = Number(store.setting("clock_offset_ms") ?? 0);
  return {
    nowMs: () => now() + offsetMs,
    worldMs: now,
    advance: (ms) => {
      if (!Number.isFinite(ms) || ms < 0) {
        throw new Error(`A clock goes forward: ${ms} ms is no way to move it.`);
      }
      offsetMs += ms;
      store.putSetting("clock_offset_ms", String(offsetMs));
    },
  };
}
