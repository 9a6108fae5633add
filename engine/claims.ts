import { and, eq, gt, isNotNull, isNull, lte, ne, or, sql } from "drizzle-orm";
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
 * Decides, inside one immediate transaction, who runs the workflow of an offering for an identity. An attempt whose
 * lease lapsed was interrupted: it is taken up under its own number, so that its idempotency keys are the same. An
 * answer stands until its session is known to have expired (`recordOutcome`); `lapsed` says that its time is over.
 */
export async function claimRedemption(tx: Database, input: ClaimInput): Promise<ClaimDecision> {
  const [row] = await tx.select().from(redemptions).where(byKey(input));
  if (row?.outcome === "complete") return { kind: "complete" };
  if (row?.status === "running" && row.leaseUntil > input.nowMs) return { kind: "running", leaseUntil: row.leaseUntil };
  const current = row?.status === "succeeded" && row.outcome !== "expired";
  if (current && row.answer !== null && row.answerStatus !== null) {
    const answer = { status: row.answerStatus, body: row.answer };
    const lapsed = row.expiresAt !== null && row.expiresAt <= input.nowMs;
    return { kind: "answered", answer, attempt: row.attempt, lapsed };
  }
  const refusal = await withoutPlace(tx, input);
  if (refusal !== null) return refusal;
  const interrupted = row?.status === "running";
  const attempt = row === undefined ? 1 : row.attempt + (interrupted ? 0 : 1);
  const claimId = crypto.randomUUID();
  await writeClaim(tx, input, claimId, attempt);
  const { environmentId, offeringId, identityKey } = input;
  return { kind: "claimed", claim: { environmentId, offeringId, identityKey, claimId, attempt } };
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

/** Puts a holder of whom nothing was to be learned at the end of `lapsedHolders`. */
export async function postponeHolder(tx: Database, key: AttemptKey, nowMs: number): Promise<void> {
  await tx.update(redemptions).set({ updatedAt: nowMs }).where(byAttempt(key));
}

/** Redemptions that held a place until their session's time ran out, and of which nobody has said what became. */
export function lapsedHolders(db: Database, environmentId: string, offerId: string, nowMs: number) {
  return db
    .select()
    .from(redemptions)
    .where(
      and(
        eq(redemptions.environmentId, environmentId),
        eq(redemptions.offerId, offerId),
        eq(redemptions.status, "succeeded"),
        isNull(redemptions.outcome),
        isNotNull(redemptions.expiresAt),
        lte(redemptions.expiresAt, nowMs),
      ),
    )
    .orderBy(redemptions.updatedAt)
    .limit(20);
}

type WithoutPlace = Extract<ClaimDecision, { kind: "contended" | "limit-reached" }>;

async function withoutPlace(tx: Database, input: ClaimInput): Promise<WithoutPlace | null> {
  const { total, perCustomer } = input.limits;
  if (total === null && perCustomer === null) return null;
  const holding = and(
    eq(redemptions.environmentId, input.environmentId),
    eq(redemptions.offerId, input.offerId),
    or(ne(redemptions.offeringId, input.offeringId), ne(redemptions.identityKey, input.identityKey)),
    holdsPlace(input.nowMs),
  );
  const count = async (which: typeof holding) => {
    const [held] = await tx.select({ places: sql<number>`count(*)` }).from(redemptions).where(which);
    return held?.places ?? 0;
  };
  const reached = async (limit: "total" | "perCustomer", most: number | null, which: typeof holding) => {
    if (most === null || (await count(which)) < most) return null;
    const sold = await count(and(which, eq(redemptions.status, "succeeded")));
    return sold < most ? { kind: "contended" as const } : { kind: "limit-reached" as const, limit };
  };
  // a customer's own are found by the index, however many others there are
  const own = and(holding, eq(redemptions.identityKey, input.identityKey));
  return (await reached("total", total, holding)) ?? (await reached("perCustomer", perCustomer, own));
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

async function writeClaim(tx: Database, input: ClaimInput, claimId: string, attempt: number): Promise<void> {
  const { environmentId, offeringId, identityKey, offerId, planId, offerVersion, nowMs } = input;
  const fields = {
    status: "running" as const,
    attempt,
    claimId,
    leaseUntil: nowMs + input.leaseMs,
    answerStatus: null,
    answer: null,
    expiresAt: null,
    outcome: null,
    updatedAt: nowMs,
  };
  await tx
    .insert(redemptions)
    .values({ environmentId, offeringId, identityKey, offerId, planId, offerVersion, createdAt: nowMs, ...fields })
    .onConflictDoUpdate({
      target: [redemptions.environmentId, redemptions.offeringId, redemptions.identityKey],
      set: fields,
    });
}

function byAttempt(key: AttemptKey) {
  return and(byKey(key), eq(redemptions.attempt, key.attempt), eq(redemptions.status, "succeeded"));
}

function byKey({ environmentId, offeringId, identityKey }: RedemptionKey) {
  return and(
    eq(redemptions.environmentId, environmentId),
    eq(redemptions.offeringId, offeringId),
    eq(redemptions.identityKey, identityKey),
  );
}
