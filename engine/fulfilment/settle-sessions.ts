import { and, eq, inArray } from "drizzle-orm";
import { payments, purchases, stripeEvents } from "../../schemas/sales-tables.ts";
import { settleOutcome } from "../claims.ts";
import type { Database } from "../storage.ts";
import { type CompletedPurchase, completePurchases } from "./complete-purchases.ts";
import { type SoldPlan, soldPlan } from "./grants.ts";
import { insertRows } from "./insert-rows.ts";
import { settlePayment } from "./payment.ts";
import {
  type PaidSettling,
  type Purchase,
  type Settled,
  type Settling,
  type StripeEventRef,
  toldOf,
} from "./settling.ts";

/**
 * Makes the database say what Stripe says of some sessions, inside one transaction: any number of times, in any order.
 * Paid ones are completed together; the others one by one.
 */
export async function settleSessions(tx: Database, settlings: readonly Settling[]): Promise<Settled[]> {
  await insertRows(tx, stripeEvents, settlings.flatMap(handledIn));
  const withPlans = settlings.map((settling): PaidSettling => ({ ...settling, plan: planOf(settling) }));
  const completed = new Map<string, CompletedPurchase>();
  for (const paid of Map.groupBy(withPlans.filter(isPaid), ({ environment }) => environment.id).values()) {
    for (const [id, one] of await completePurchases(tx, paid)) completed.set(id, one);
    await meetPayments(tx, paid, completed);
  }
  for (const settling of withPlans) if (!isPaid(settling)) await settleUnpaid(tx, settling);
  return settlings.map(({ purchase }) => {
    const one = completed.get(purchase.id);
    return one === undefined ? { completed: null, granted: [] } : { completed: one.purchase, granted: one.granted };
  });
}

function handledIn({ environment, purchase, events, nowMs }: Settling) {
  return events.map(({ id, type }) => ({
    environmentId: environment.id,
    accountId: purchase.accountId,
    eventId: id,
    type,
    handledAt: nowMs,
  }));
}

/** Records events of Stripe as handled. */
export async function recordEvents(
  tx: Database,
  environmentId: string,
  accountId: string,
  events: readonly StripeEventRef[],
  nowMs: number,
): Promise<void> {
  const rows = events.map(({ id, type }) => ({ environmentId, accountId, eventId: id, type, handledAt: nowMs }));
  await insertRows(tx, stripeEvents, rows);
}

/** A card that was only kept on file has paid for nothing. */
function isPaid({ truth, plan }: PaidSettling): boolean {
  return truth.state === "paid" && !(truth.mode === "setup" && plan?.plan.price);
}

async function settleUnpaid(tx: Database, { purchase, truth }: Settling): Promise<void> {
  if (truth.state === "open") return;
  if (truth.state === "expired") return giveUp(tx, purchase, "expired");
  if (truth.state !== "waiting") return giveUp(tx, purchase, "failed");
  const waiting = await tx
    .update(purchases)
    .set({ awaitingPayment: true, ...toldOf(truth) })
    .where(and(eq(purchases.id, purchase.id), eq(purchases.status, "pending")))
    .returning({ id: purchases.id });
  // one that has failed looks the same to whoever asks late or lacks the event: its place is free for good
  if (waiting.length > 0) await settleOutcome(tx, purchase, "complete");
}

/**
 * A refund or dispute that was heard of before the purchase, or that only this answer of Stripe's tells of. Of a dispute,
 * which may be over again, later answers are asked for by its own events.
 */
async function meetPayments(
  tx: Database,
  paid: readonly PaidSettling[],
  completed: Map<string, CompletedPurchase>,
): Promise<void> {
  const ids = paid.flatMap(({ truth }) => truth.paymentIntentId ?? []);
  const accounts = [...new Set(paid.map(({ purchase }) => purchase.accountId))];
  const own = and(
    eq(payments.environmentId, paid[0]?.environment.id ?? ""),
    inArray(payments.accountId, accounts),
    inArray(payments.paymentIntentId, ids),
  );
  const known = ids.length === 0 ? [] : await tx.select().from(payments).where(own);
  for (const { environment, purchase, truth, nowMs } of paid) {
    const { paymentIntentId } = truth;
    const isFirst = completed.has(purchase.id);
    if (paymentIntentId === null || (!isFirst && !truth.refunded)) continue;
    const key = { environmentId: environment.id, accountId: purchase.accountId, paymentIntentId };
    const row = known.find(
      (one) =>
        one.paymentIntentId === paymentIntentId &&
        one.environmentId === key.environmentId &&
        one.accountId === key.accountId,
    );
    const refunded = truth.refunded || (row !== undefined && row.refundedAt !== null);
    const disputed = row === undefined ? truth.disputed : row.disputedAt !== null;
    if (!refunded && !disputed) continue;
    await settlePayment(tx, environment, key, { refunded, disputed, since: row?.revision ?? 0 }, nowMs);
    // what was taken back at once is for whoever needs it to read again
    completed.delete(purchase.id);
  }
}

/** Ends a purchase that will not be paid, and gives the redemption's place back unless another session of it lives. */
async function giveUp(tx: Database, purchase: Purchase, status: "failed" | "expired"): Promise<void> {
  const given = await tx
    .update(purchases)
    .set({ status, awaitingPayment: false })
    .where(and(eq(purchases.id, purchase.id), eq(purchases.status, "pending")))
    .returning({ id: purchases.id });
  if (given.length === 0) return;
  const { environmentId, offeringId, identityKey, attempt } = purchase;
  const others = await tx
    .select({ status: purchases.status })
    .from(purchases)
    .where(
      and(
        eq(purchases.environmentId, environmentId),
        eq(purchases.offeringId, offeringId),
        eq(purchases.identityKey, identityKey),
        eq(purchases.attempt, attempt),
      ),
    );
  const over = others.every((other) => other.status === "failed" || other.status === "expired");
  if (over) await settleOutcome(tx, purchase, "expired");
}

/** A plan that the configuration of the sale does not know has been tampered with: nothing may be completed without it. */
function planOf({ sold, purchase }: Settling): SoldPlan | null {
  if (purchase.planId === null) return null;
  const plan = soldPlan(sold, purchase.planId);
  if (plan === undefined) throw new Error(`purchase ${purchase.id} is for plan ${purchase.planId}, which is not known`);
  return plan;
}
