import type { Records } from "./records.ts";

/** How often something recurs. */
export type Rhythm = NonNullable<Records["price"]["recurring"]>;

/**
 * The end of the period that begins or runs at a time: the first multiple of the rhythm after it, counted from the
 * anchor by the calendar, UTC. A day that a month lacks becomes its last, and comes back in the next month that has it
 * (Stripe docs, "Billing cycle": 31 January, 28 February, 31 March). Unix seconds.
 */
export function periodEnd(anchor: number, rhythm: Rhythm, at: number): number {
  const { interval, interval_count: count } = rhythm;
  if (interval === "day" || interval === "week") {
    const length = count * (interval === "day" ? 1 : 7) * 86_400;
    return anchor + (Math.floor((at - anchor) / length) + 1) * length;
  }
  const months = count * (interval === "month" ? 1 : 12);
  const from = new Date(anchor * 1000);
  const until = new Date(at * 1000);
  const apart = (until.getUTCFullYear() - from.getUTCFullYear()) * 12 + until.getUTCMonth() - from.getUTCMonth();
  const begun = Math.max(Math.floor(apart / months), 0) * months;
  const end = monthsAfter(anchor, begun);
  return end > at ? end : monthsAfter(anchor, begun + months);
}

/** The same day and time some months later, or the last day of a month that lacks it. */
export function monthsAfter(seconds: number, months: number): number {
  const start = new Date(seconds * 1000);
  const end = new Date(start);
  end.setUTCDate(1);
  end.setUTCMonth(start.getUTCMonth() + months);
  const lastDay = new Date(Date.UTC(end.getUTCFullYear(), end.getUTCMonth() + 1, 0)).getUTCDate();
  end.setUTCDate(Math.min(start.getUTCDate(), lastDay));
  return end.getTime() / 1000;
}
