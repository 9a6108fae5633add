import { and, eq, inArray } from "drizzle-orm";
import { purchases, stripeEvents } from "../../schemas/sales-tables.ts";
import { settleOutcome } from "../claims.ts";
import type { CompiledConfig } from "../config/compiled.ts";
import type { Environment } from "../environments.ts";
import { userIn } from "../guests.ts";
import type { Database } from "../storage.ts";
import { type Entitlement, grant, type SoldPlan, soldPlan } from "./grants.ts";
import { remember } from "./history.ts";
import { findOrMakeMember, type Member, type MemberName } from "./members.ts";
import { announce } from "./messages.ts";
import { type PaymentKey, paymentState, settlePayment } from "./payment.ts";
import type { SessionTruth } from "./truth.ts";

/** A purchase as it is stored. */
export type Purchase = typeof purchases.$inferSelect;

/** An event of Stripe that led here; handled once. */
export type StripeEventRef = { id: string; type: string };

/** What a transaction needs to know. `sold` is the configuration that the purchase was begun at. */
export type Settling = {
  environment: Environment;
  sold: CompiledConfig;
  purchase: Purchase;
  truth: SessionTruth;
  events: readonly StripeEventRef[];
  nowMs: number;
};

/** What a transaction did: the purchase, if it was this one that completed it, and what it granted. */
export type Settled = { completed: Purchase | null; granted: Entitlement[] };

const nothing: Settled = { completed: null, granted: [] };

/** States of a purchase that a payment may still complete: a late word of Stripe's corrects an earlier one. */
const completable = ["pending", "failed", "expired"] as const;

/**
 * Makes the database say what Stripe says of a session, inside one transaction. Any number of times, in any order: the
 * update that finds the purchase not completed yet is the claim, and whatever follows from it is written beside it.
 */
export async function settleSession(tx: Database, settling: Settling): Promise<Settled> {
  const { environment, purchase, truth, events, nowMs } = settling;
  await recordEvents(tx, environment.id, purchase.accountId, events, nowMs);
  const plan = planOf(settling);
  // a card that was only kept on file has paid for nothing
  const paid = truth.state === "paid" && !(truth.mode === "setup" && plan?.plan.price);
  if (paid) return complete(tx, settling, plan);
  if (truth.state === "waiting") {
    const pending = and(eq(purchases.id, purchase.id), eq(purchases.status, "pending"));
    await tx
      .update(purchases)
      .set({ awaitingPayment: true, ...fromStripe(truth) })
      .where(pending);
    await settleOutcome(tx, purchase, "complete");
  }
  if (truth.state === "expired") await giveUp(tx, purchase, "expired");
  if (truth.state === "failed" || truth.state === "paid") await giveUp(tx, purchase, "failed");
  return nothing;
}

/** Records events of Stripe as handled. */
export async function recordEvents(
  tx: Database,
  environmentId: string,
  accountId: string,
  events: readonly StripeEventRef[],
  nowMs: number,
): Promise<void> {
  if (events.length === 0) return;
  await tx
    .insert(stripeEvents)
    .values(events.map(({ id, type }) => ({ environmentId, accountId, eventId: id, type, handledAt: nowMs })))
    .onConflictDoNothing();
}

async function complete(tx: Database, settling: Settling, plan: SoldPlan | null): Promise<Settled> {
  const { environment, purchase, truth, nowMs } = settling;
  const { member, isNew } = await findOrMakeMember(tx, environment.id, buyerOf(purchase, truth), nowMs);
  const [claimed] = await tx
    .update(purchases)
    .set({
      status: "completed",
      awaitingPayment: false,
      memberId: member.id,
      onRefund: plan?.plan.onRefund ?? "revoke",
      completedAt: nowMs,
      ...fromStripe(truth),
    })
    .where(and(eq(purchases.id, purchase.id), inArray(purchases.status, [...completable])))
    .returning();
  const granted = claimed === undefined ? [] : await grantPurchase(tx, settling, { purchase: claimed, plan, member });
  if (claimed !== undefined) {
    await settleOutcome(tx, purchase, "complete");
    const about = { purchase: claimed, memberId: member.id, changed: granted, cause: "purchase" as const, nowMs };
    await announce(tx, environment, { ...about, newMember: isNew ? member : null });
  }
  const isBlocked = await meetPayment(tx, settling, claimed !== undefined);
  // what a refund took back at once is for whoever needs it to read again
  return { completed: isBlocked ? null : (claimed ?? null), granted };
}

type Claimed = { purchase: Purchase; plan: SoldPlan | null; member: Member };

async function grantPurchase(
  tx: Database,
  { environment, nowMs }: Settling,
  { purchase, plan, member }: Claimed,
): Promise<Entitlement[]> {
  const { id: purchaseId, guest, offerId, offeringId, paymentIntentId } = purchase;
  const granted =
    plan === null
      ? []
      : await grant(tx, {
          environmentId: environment.id,
          identifier: member.identifier,
          guest,
          memberId: member.id,
          plan,
          cause: `purchase:${purchaseId}`,
          offerId,
          offeringId,
          purchaseId,
          paymentIntentId,
          startMs: nowMs,
          nowMs,
        });
  const { amountMinor, currency } = purchase;
  const data = {
    purchaseId,
    offeringId,
    offerId,
    planId: purchase.planId,
    amountMinor,
    currency,
    entitlements: granted.map(({ id }) => id),
  };
  const event = { environmentId: environment.id, memberId: member.id, type: "purchase" as const, subject: purchaseId };
  await remember(tx, [{ ...event, data }], nowMs);
  return granted;
}

/**
 * A refund or dispute that was heard of before the purchase, or that only this answer of Stripe's tells of. Of a dispute,
 * which may be over again, later answers are asked for by its own events.
 */
async function meetPayment(tx: Database, settling: Settling, isFirst: boolean): Promise<boolean> {
  const { environment, purchase, truth, nowMs } = settling;
  if (truth.paymentIntentId === null || (!isFirst && !truth.refunded)) return false;
  const { accountId } = purchase;
  const key: PaymentKey = { environmentId: environment.id, accountId, paymentIntentId: truth.paymentIntentId };
  const known = await paymentState(tx, key);
  const refunded = truth.refunded || known?.refunded === true;
  const disputed = known?.disputed ?? truth.disputed;
  if (!refunded && !disputed) return false;
  await settlePayment(tx, environment, key, { refunded, disputed, since: known?.since ?? 0 }, nowMs);
  return true;
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

/** An identified buyer is who the site said; anybody else is found by the address that Stripe took the payment with. */
function buyerOf({ identityKey, guest, id }: Purchase, { email }: SessionTruth): MemberName {
  const user = userIn(identityKey);
  if (user !== null && guest === null) return { identifier: user };
  return email === null ? { identifier: guest ?? `buyer:${id}` } : { buyerEmail: email };
}

function fromStripe({ paymentIntentId, subscriptionId, amountMinor, currency }: SessionTruth) {
  return { paymentIntentId, subscriptionId, amountMinor, currency };
}

/** A plan that the configuration of the sale does not know has been tampered with: nothing may be completed without it. */
function planOf({ sold, purchase }: Settling): SoldPlan | null {
  if (purchase.planId === null) return null;
  const plan = soldPlan(sold, purchase.planId);
  if (plan === undefined) throw new Error(`purchase ${purchase.id} is for plan ${purchase.planId}, which is not known`);
  return plan;
}
