/**
 * A moment and a duration after it, both in the calendar of UTC: Jan 31 + P1M is the last day of February, Feb 29 + P1Y
 * is Feb 28 (Temporal `add`, overflow "constrain"). Null for no duration, which has no end. Milliseconds since the epoch.
 */
export function endOf(startMs: number, duration: string | null): number | null {
  if (duration === null) return null;
  const start = Temporal.Instant.fromEpochMilliseconds(startMs).toZonedDateTimeISO("UTC");
  return start.add(Temporal.Duration.from(duration)).epochMilliseconds;
}
