import { expect, test } from "vitest";
import { endOf } from "../../engine/duration.ts";

/** Calendar arithmetic in UTC, as a table: the start, the duration, the end. */
const cases: [start: string, duration: string, end: string][] = [
  ["2026-01-31T10:00:00Z", "P1M", "2026-02-28T10:00:00Z"],
  ["2028-01-31T10:00:00Z", "P1M", "2028-02-29T10:00:00Z"],
  ["2026-03-31T00:00:00Z", "P1M", "2026-04-30T00:00:00Z"],
  ["2026-12-31T23:59:59.999Z", "P2M", "2027-02-28T23:59:59.999Z"],
  ["2028-02-29T12:00:00Z", "P1Y", "2029-02-28T12:00:00Z"],
  ["2028-02-29T12:00:00Z", "P4Y", "2032-02-29T12:00:00Z"],
  ["2026-11-21T08:30:00Z", "P1Y", "2027-11-21T08:30:00Z"],
  ["2026-01-31T00:00:00Z", "P1Y1M", "2027-02-28T00:00:00Z"],
  ["2026-01-30T00:00:00Z", "P1M1D", "2026-03-01T00:00:00Z"],
  ["2026-02-20T00:00:00Z", "P10D", "2026-03-02T00:00:00Z"],
  ["2026-02-20T00:00:00Z", "P2W", "2026-03-06T00:00:00Z"],
  // where clocks change in Europe and America the day has 24 hours all the same
  ["2026-03-28T12:00:00Z", "P1D", "2026-03-29T12:00:00Z"],
  ["2026-03-08T01:30:00Z", "P1D", "2026-03-09T01:30:00Z"],
  ["2026-10-25T00:30:00Z", "P1D", "2026-10-26T00:30:00Z"],
];

test.each(cases)("%s and %s is %s", (start, duration, end) => {
  expect(endOf(Date.parse(start), duration)).toBe(Date.parse(end));
});

test("without a duration there is no end", () => {
  expect(endOf(0, null)).toBe(null);
});

test("the end is that of Temporal, where there is one", () => {
  const starts = ["2023-12-31T23:59:59.999Z", "2024-02-29T00:00:00Z", "2026-01-30T12:00:00Z", "2099-11-30T06:00:00Z"];
  const durations = ["P1Y", "P13M", "P1Y1M1W1D", "P999Y9999M", "P9999W99999D", "P11M31D"];
  for (const start of starts) {
    for (const duration of durations) {
      const from = Temporal.Instant.from(start).toZonedDateTimeISO("UTC");
      expect(endOf(Date.parse(start), duration), `${start} ${duration}`).toBe(from.add(duration).epochMilliseconds);
    }
  }
});

test.each(["", "P", "PT1H", "P1", "1M", "P1D1M", "P-1D"])("%j is no duration", (duration) => {
  expect(() => endOf(0, duration)).toThrow(RangeError);
});
