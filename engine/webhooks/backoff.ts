const seconds = 1000;
const minutes = 60 * seconds;
const hours = 60 * minutes;

/** How long after each failed attempt the next one comes: after the first, after the second, … Then it is given up. */
export const backoffMs = [
  5 * seconds,
  5 * minutes,
  30 * minutes,
  2 * hours,
  5 * hours,
  10 * hours,
  14 * hours,
  20 * hours,
  24 * hours,
] as const;

/** A receiver may ask for a longer pause, but not for one that outlives what it is told. */
const longestAskedMs = 24 * hours;

/**
 * How long to wait after so many failed attempts, or null when that was the last one. Up to a fifth more than the
 * table says, so that what failed together is not sent together again; and at least what the receiver asked for.
 */
export function nextDelayMs(failed: number, askedMs: number | null): number | null {
  const base = backoffMs[failed - 1];
  if (base === undefined) return null;
  return Math.max(Math.round(base * (1 + 0.2 * Math.random())), Math.min(askedMs ?? 0, longestAskedMs));
}

/** `Retry-After` in milliseconds from `nowMs` (RFC 9110 §10.2.3: seconds or a date), or null. */
export function retryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  const ms = /^\d{1,9}$/.test(header.trim()) ? Number(header) * seconds : Date.parse(header) - nowMs;
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}
