const dayMs = 86_400_000;
const latestMs = 8.64e15;

/**
 * A moment and a duration after it, both in the calendar of UTC: Jan 31 + P1M is the last day of February, Feb 29 + P1Y
 * is Feb 28 (as Temporal's `add` has it, overflow "constrain"; not every runtime has Temporal). Null for no duration, which
 * has no end. Milliseconds since the epoch. Throws a RangeError for what is no duration in calendar units, or past all time.
 */
export function endOf(startMs: number, duration: string | null): number | null {
  if (duration === null) return null;
  const parts = /^P(?=\d)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?$/.exec(duration);
  if (parts === null) throw new RangeError(`${duration} is not a duration in calendar units`);
  const [years, months, weeks, days] = parts.slice(1).map((part) => Number(part ?? 0));
  const end = addMonths(startMs, 12 * (years ?? 0) + (months ?? 0)) + (7 * (weeks ?? 0) + (days ?? 0)) * dayMs;
  if (!(Math.abs(end) <= latestMs)) throw new RangeError(`${duration} leads past all time`);
  return end;
}

/** The same day of the month, or its last one where it is shorter; the same time of day. */
function addMonths(startMs: number, months: number): number {
  const start = new Date(startMs);
  const target = new Date(startMs);
  target.setUTCDate(1);
  target.setUTCMonth(start.getUTCMonth() + months);
  const lastDay = new Date(target);
  lastDay.setUTCMonth(target.getUTCMonth() + 1, 0);
  return target.setUTCDate(Math.min(start.getUTCDate(), lastDay.getUTCDate()));
}
