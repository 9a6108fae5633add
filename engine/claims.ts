import { and, eq, getTableColumns, gt, isNull, lte, ne, or, type SQL, sql } from "drizzle-orm";
import type { JsonObject } from "../schemas/json.ts";
import { redemptions } from "../schemas/tables.ts";
import type { Database } from "./storage.ts";

/** What names a redemption: one offering, one identity. */
export type RedemptionKey = { environmentId: string; offeringId: string; identityKey: string };

/** One attempt of a redemption. */
export type AttemptKey = RedemptionKey & { attempt: number };

/** What a claim is for. */
export type ClaimInput = RedemptionKey & {
  offerId: string;
  planId: string | null;
  offerVersion: number;
  limits: { total: number | null; perCustomer: number | null };
  leaseMs: number;
  nowMs: number;
};

/** A won claim. `attempt` counts from 1 and grows only when the attempt before it ended. */
export type Claim = RedemptionKey & { claimId: string; attempt: number };

/** An answer that was given before. */
export type RecordedAnswer = { status: number; body: JsonObject };

/** How a claim was decided. */
export type ClaimDecision =
  | { kind: "claimed"; claim: Claim }
  | { kind: "running"; leaseUntil: number }
  | { kind: "answered"; answer: RecordedAnswer; attempt: number; lapsed: boolean }
  | { kind: "complete" }
  /** The last places are held by runs that have not ended: some of them may be given back. */
  | { kind: "contended" }
  | { kind: "limit-reached"; limit: "total" | "perCustomer" };

/**
 * Decides who runs the workflow of an offering for an identity. One statement claims, limits counted, and so decides
 * between all processes, inside of a transaction or alone; only who did not get it asks why, and may hear `contended`
 * where the reason has just gone. An attempt whose lease lapsed was interrupted: it is taken up under its own number, so
 * that its idempotency keys are the same. An answer stands until its session is known to have expired
 * (`recordOutcome`); `lapsed` says that its time is over.
 */
export async function claimRedemption(tx: Database, input: ClaimInput): Promise<ClaimDecision> {
  const claimId = crypto.randomUUID();
  const [claimed] = await tryClaim(tx, input, claimId);
  if (claimed === undefined) {
    const reason = await whyNot(tx, input);
    return reason.kind === "free" ? { kind: "contended" } : reason;
  }
  const { environmentId, offeringId, identityKey } = input;
  return { kind: "claimed", claim: { environmentId, offeringId, identityKey, claimId, attempt: claimed.attempt } };
}

/**
 * Why a redemption cannot be claimed, or that it is `free`. For those who wait: it only reads, so that they take no turn
 * from whoever they wait for.
 */
export async function whyNot(
  tx: Database,
  input: ClaimInput,
): Promise<Exclude<ClaimDecision, { kind: "claimed" }> | { kind: "free" }> {
  const [row] = await tx.select().from(redemptions).where(byKey(input));
  if (row?.outcome === "complete") return { kind: "complete" };
  if (row?.status === "running" && row.leaseUntil > input.nowMs) return { kind: "running", leaseUntil: row.leaseUntil };
  const current = row?.status === "succeeded" && row.outcome !== "expired";
  if (current && row.answer !== null && row.answerStatus !== null) {
    const answer = { status: row.answerStatus, body: row.answer };
    const lapsed = row.expiresAt !== null && row.expiresAt <= input.nowMs;
    return { kind: "answered", answer, attempt: row.attempt, lapsed };
  }
  return (await withoutPlace(tx, input)) ?? { kind: "free" };
}

/**
 * How an attempt ended. `expiresAt` is when its answer and its place lapse; null for never. One that was `interrupted`
 * will be taken up under its own number, and its place is given back meanwhile.
 */
export type Settlement = {
  status: "succeeded" | "failed" | "interrupted";
  answer: RecordedAnswer;
  expiresAt: number | null;
  nowMs: number;
};

/**
 * Records how an attempt ended. False when the claim was lost: its lease lapsed, and somebody else may have taken it up,
 * or its place.
 */
export async function settleClaim(tx: Database, claim: Claim, settlement: Settlement): Promise<boolean> {
  const { status, answer, expiresAt, nowMs } = settlement;
  const settled = await tx
    .update(redemptions)
    .set({
      status: status === "interrupted" ? "running" : status,
      answerStatus: answer.status,
      answer: answer.body,
      expiresAt,
      leaseUntil: 0,
      updatedAt: nowMs,
    })
    .where(
      and(
        byKey(claim),
        eq(redemptions.claimId, claim.claimId),
        eq(redemptions.status, "running"),
        gt(redemptions.leaseUntil, nowMs),
      ),
    )
    .returning({ attempt: redemptions.attempt });
  return settled.length === 1;
}

/** Records what became of the Checkout Session behind an attempt's answer; nothing when another attempt came since. */
export async function recordOutcome(tx: Database, key: AttemptKey, outcome: "complete" | "expired"): Promise<void> {
  await tx
    .update(redemptions)
    .set({ outcome })
    .where(and(byAttempt(key), isNull(redemptions.outcome)));
}

/**
 * Records what Stripe finally said of an attempt's Checkout Session, also where something else was recorded before: a
 * payment that was on its way may fail, and an expired session may turn out to be paid.
 */
export async function settleOutcome(tx: Database, key: AttemptKey, outcome: "complete" | "expired"): Promise<void> {
  await tx.update(redemptions).set({ outcome }).where(byAttempt(key));
}

type WithoutPlace = Extract<ClaimDecision, { kind: "contended" | "limit-reached" }>;

async function withoutPlace(tx: Database, input: ClaimInput): Promise<WithoutPlace | null> {
  const count = async (which: SQL | undefined) => {
    const [held] = await tx.select({ places: sql<number>`count(*)` }).from(redemptions).where(which);
    return held?.places ?? 0;
  };
  for (const { limit, most, held } of limitsOf(input)) {
    if ((await count(held)) < most) continue;
    const sold = await count(and(held, eq(redemptions.status, "succeeded")));
    return sold < most ? { kind: "contended" } : { kind: "limit-reached", limit };
  }
  return null;
}

/** The limits that there are, and who holds a place under each beside this redemption itself. */
function limitsOf(input: ClaimInput) {
  const { total, perCustomer } = input.limits;
  const held = and(
    eq(redemptions.environmentId, input.environmentId),
    eq(redemptions.offerId, input.offerId),
    or(ne(redemptions.offeringId, input.offeringId), ne(redemptions.identityKey, input.identityKey)),
    holdsPlace(input.nowMs),
  );
  // a customer's own are found by the index, however many others there are
  const own = and(held, eq(redemptions.identityKey, input.identityKey));
  return [
    ...(total === null ? [] : [{ limit: "total" as const, most: total, held }]),
    ...(perCustomer === null ? [] : [{ limit: "perCustomer" as const, most: perCustomer, held: own }]),
  ];
}

/**
 * A place is held while running within the lease, and after success until the session is known to have expired: its
 * time alone is not enough, because a buyer may have paid in the last second.
 */
function holdsPlace(nowMs: number) {
  return or(
    and(eq(redemptions.status, "running"), gt(redemptions.leaseUntil, nowMs)),
    and(eq(redemptions.status, "succeeded"), or(isNull(redemptions.outcome), eq(redemptions.outcome, "complete"))),
  );
}

/** The statement that decides: it writes where there is a place, and the row is not there or free. */
function tryClaim(tx: Database, input: ClaimInput, claimId: string) {
  const { environmentId, offeringId, identityKey, offerId, planId, offerVersion, nowMs } = input;
  const fresh = {
    ...{ environmentId, offeringId, identityKey, offerId, planId, offerVersion, createdAt: nowMs },
    ...{ status: "running" as const, attempt: 1, claimId, leaseUntil: nowMs + input.leaseMs },
    ...{ answerStatus: null, answer: null, expiresAt: null, outcome: null, updatedAt: nowMs },
  };
  const isInterrupted = eq(redemptions.status, "running");
  const hasPlace = limitsOf(input).map(
    ({ most, held }) => sql`(select count(*) from ${redemptions} where ${held}) < ${most}`,
  );
  const again = {
    ...{ status: fresh.status, claimId, leaseUntil: fresh.leaseUntil, updatedAt: nowMs },
    ...{ answerStatus: null, answer: null, expiresAt: null, outcome: null },
    attempt: sql`${redemptions.attempt} + not (${isInterrupted})`,
  };
  // in the order of the columns, as an insert from a select has them
  const columns = Object.keys(getTableColumns(redemptions));
  const values = Object.entries(fresh).toSorted(([a], [b]) => columns.indexOf(a) - columns.indexOf(b));
  const row = sql.join(
    values.map(([, value]) => sql`${value}`),
    sql`, `,
  );
  return tx
    .insert(redemptions)
    .select(sql`select ${row} where ${and(sql`true`, ...hasPlace)}`)
    .onConflictDoUpdate({
      target: [redemptions.environmentId, redemptions.offeringId, redemptions.identityKey],
      set: again,
      setWhere: isFree(nowMs),
    })
    .returning({ attempt: redemptions.attempt });
}

/** Interrupted, failed, or succeeded with a session that is known to have expired. */
function isFree(nowMs: number) {
  const { status, leaseUntil, outcome, answer, answerStatus } = redemptions;
  const withoutAnswer = or(eq(outcome, "expired"), isNull(answer), isNull(answerStatus));
  return and(
    or(isNull(outcome), ne(outcome, "complete")),
    or(
      and(eq(status, "running"), lte(leaseUntil, nowMs)),
      eq(status, "failed"),
      and(eq(status, "succeeded"), withoutAnswer),
    ),
  );
}

/** The row of an attempt that succeeded, as long as no other attempt came since. */
export function byAttempt(key: AttemptKey) {
  return and(byKey(key), eq(redemptions.attempt, key.attempt), eq(redemptions.status, "succeeded"));
}

function byKey({ environmentId, offeringId, identityKey }: RedemptionKey) {
  return and(
    eq(redemptions.environmentId, environmentId),
    eq(redemptions.offeringId, offeringId),
    eq(redemptions.identityKey, identityKey),
  );
}
