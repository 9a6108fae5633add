/** Milliseconds from one moment on. */
type Row = { start: number; end?: number | null; revoked?: number };

/** Entitlements of one product, a moment, and whether there is access then. `now` is the same moment where it is left out. */
type Edge = { name: string; rows: Row[]; at: number; now?: number; active: boolean };

const day = 86_400_000;
const whole: Row = { start: 0, end: day };
const revoked: Row = { start: 0, end: 10 * day, revoked: 5 * day };

/** When an entitlement is active, case by case. */
export const edges: Edge[] = [
  { name: "a millisecond before its start", rows: [{ start: 1 }], at: 0, active: false },
  { name: "exactly at its start", rows: [{ start: 0 }], at: 0, active: true },
  { name: "a millisecond after its start", rows: [{ start: 0 }], at: 1, active: true },
  { name: "without an end, after a hundred years", rows: [{ start: 0, end: null }], at: 36_525 * day, active: true },
  { name: "a millisecond before its end", rows: [whole], at: day - 1, active: true },
  { name: "exactly at its end", rows: [whole], at: day, active: false },
  { name: "a millisecond after its end", rows: [whole], at: day + 1, active: false },
  { name: "that ends as it starts", rows: [{ start: 0, end: 0 }], at: 0, active: false },
  { name: "revoked in the past", rows: [revoked], at: 5 * day + 1, active: false },
  { name: "exactly at its revocation", rows: [revoked], at: 5 * day, active: false },
  { name: "revoked by a clock that is ahead", rows: [revoked], at: 5 * day - 1, active: false },
  { name: "revoked since, at a moment before that", rows: [revoked], at: 5 * day - 1, now: 6 * day, active: true },
  { name: "revoked since, at the moment of that", rows: [revoked], at: 5 * day, now: 6 * day, active: false },
  { name: "revoked since, at a moment after that", rows: [revoked], at: 5 * day + 1, now: 6 * day, active: false },
  { name: "revoked, at a moment to come", rows: [revoked], at: 8 * day, now: 6 * day, active: false },
  {
    name: "revoked from a moment to come on, at a later now",
    rows: [revoked],
    at: 4 * day,
    now: 3 * day,
    active: false,
  },
  { name: "revoked before its start", rows: [{ start: 5, revoked: 1 }], at: 5, active: false },
  { name: "that has ended, at a moment within it", rows: [whole], at: 5, now: 2 * day, active: true },
  { name: "to come, at a moment within it", rows: [{ start: day, end: 2 * day }], at: day, now: 0, active: true },
  { name: "to come, at its end", rows: [{ start: day, end: 2 * day }], at: 2 * day, now: 0, active: false },
  { name: "over, beside one that is active", rows: [whole, { start: 0 }], at: 2 * day, active: true },
  { name: "revoked, beside one that is active", rows: [revoked, { start: day }], at: 6 * day, active: true },
  { name: "followed by another without a gap", rows: [whole, { start: day }], at: day, active: true },
  {
    name: "followed by another after a gap, in the gap",
    rows: [whole, { start: day + 2 }],
    at: day + 1,
    active: false,
  },
  { name: "one over and one to come", rows: [whole, { start: 3 * day }], at: 2 * day, active: false },
];
