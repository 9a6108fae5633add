import { and, eq, gt, gte, isNull, or, sql } from "drizzle-orm";
import { entitlements, payments } from "../../schemas/sales-tables.ts";
import type { Environment } from "../environments.ts";
import type { Database } from "../storage.ts";
import { type Entitlement, grant, type SoldPlan } from "./grants.ts";
import { type HistoryEvent, remember } from "./history.ts";
import { announce, type Cause } from "./messages.ts";
import { paymentState, settlePayment } from "./payment.ts";
import type { Purchase } from "./settling.ts";

/** A subscription as Stripe tells it now (Stripe API reference, "The Subscription object"). Milliseconds since the epoch. */
export type Subscription = {
  id: string;
  status: string;
  endedMs: number | null;
  isLatestInvoicePaid: boolean;
  trialEndMs: number | null;
  periodStartMs: number;
};

/** An invoice of a subscription: what it is for, and what paid it. */
export type Invoice = {
  id: string;
  isPaid: boolean;
  isRenewal: boolean;
  /** Of a change within a period: it is billed to the period's end and not for the plan's duration. */
  isChange: boolean;
  paymentIntentId: string | null;
  startMs: number;
  endMs: number;
};

/** What a transaction needs to know. */
export type SettlingSubscription = {
  environment: Environment;
  purchase: Purchase;
  plan: SoldPlan;
  subscription: Subscription;
  invoice: Invoice | null;
  nowMs: number;
};

/** Nothing is to be expected of these any more; `past_due` is still being tried. */
const over = ["canceled", "unpaid", "incomplete_expired", "paused"];

/** An invoice is drafted at the start of its period and paid an hour later or more: nobody is locked out meanwhile. */
const bridgeMs = 3 * 86_400_000;

/**
 * Makes the entitlements of a subscription what Stripe says of it, inside one transaction: a paid renewal extends by a
 * new entitlement for its period, an end takes back what the plan says. Any number of times, in any order. Whether
 * anything was taken back or given back: then Stripe's answer may have been the older of two, and is to be asked for again.
 */
export async function settleSubscription(tx: Database, settling: SettlingSubscription): Promise<boolean> {
  const { purchase, plan, subscription, invoice, nowMs } = settling;
  if (invoice?.isPaid && invoice.isRenewal) await renew(tx, settling, invoice);
  if (over.includes(subscription.status)) {
    const ended = plan.plan.onRefund === "keep" ? await letRunOut(tx, settling) : await revokeRest(tx, settling);
    await tellOf(tx, settling, "subscription-ended", ended, subscription.id);
    return ended.length > 0;
  }
  const resumed = await resume(tx, purchase);
  if (resumed.length > 0) {
    await tellOf(tx, settling, "subscription-resumed", resumed, `${subscription.id}:${nowMs}`);
  }
  if (subscription.status === "active" && !subscription.isLatestInvoicePaid) await bridge(tx, settling);
  if (subscription.trialEndMs !== null) await extendTrial(tx, settling, subscription.trialEndMs);
  return resumed.length > 0;
}

/** Gives back what a subscription took, but not what was refunded or is disputed: that waits for its payment. */
async function resume(tx: Database, purchase: Purchase): Promise<Entitlement[]> {
  const taken = and(ofPurchase(purchase), eq(entitlements.revokedBecause, "subscription"));
  const own = sql`case when ${entitlements.cause} = ${`purchase:${purchase.id}`} then ${purchase.paymentIntentId} end`;
  const blocked = sql`(select case when ${payments.refundedAt} is not null then 'refund'
    when ${payments.disputedAt} is not null then 'dispute' end from ${payments}
    where ${payments.environmentId} = ${purchase.environmentId} and ${payments.accountId} = ${purchase.accountId}
    and ${payments.paymentIntentId} = coalesce(${entitlements.paymentIntentId}, ${own}))`;
  await tx
    .update(entitlements)
    .set({ revokedBecause: blocked })
    .where(and(taken, sql`${blocked} is not null`));
  return tx.update(entitlements).set({ revokedAt: null, revokedBecause: null }).where(taken).returning();
}

async function renew(tx: Database, settling: SettlingSubscription, invoice: Invoice): Promise<void> {
  const { environment, purchase } = settling;
  const granted = await grantPeriod(tx, settling, {
    cause: `invoice:${invoice.id}`,
    paymentIntentId: invoice.paymentIntentId,
    startMs: invoice.startMs,
    ...(invoice.isChange ? { exactlyUntilMs: invoice.endMs } : { paidUntilMs: invoice.endMs }),
  });
  if (granted.length === 0) return;
  await tellOf(tx, settling, "renewal", granted, invoice.id);
  if (invoice.paymentIntentId === null) return;
  const { accountId } = purchase;
  const key = { environmentId: environment.id, accountId, paymentIntentId: invoice.paymentIntentId };
  // its refund may have been heard of first
  const known = await paymentState(tx, key);
  if (known?.refunded || known?.disputed) await settlePayment(tx, environment, key, known, settling.nowMs);
}

/** A few days at the start of a period whose invoice is on its way. */
async function bridge(tx: Database, settling: SettlingSubscription): Promise<void> {
  const { plan, purchase, subscription } = settling;
  const isRenewed = subscription.periodStartMs > (purchase.completedAt ?? Number.POSITIVE_INFINITY);
  if (plan.plan.duration === null || !isRenewed) return;
  await grantPeriod(tx, settling, {
    cause: `period:${subscription.id}:${subscription.periodStartMs}`,
    paymentIntentId: null,
    startMs: subscription.periodStartMs,
    exactlyUntilMs: subscription.periodStartMs + bridgeMs,
  });
}

/** A trial may be made longer while it goes on. */
async function extendTrial(tx: Database, settling: SettlingSubscription, trialEndMs: number): Promise<void> {
  const { plan, purchase, subscription, nowMs } = settling;
  if (plan.plan.duration === null) return;
  const reaching = and(ofPurchase(purchase), gte(entitlements.endedAt, trialEndMs));
  const [known] = await tx.select({ id: entitlements.id }).from(entitlements).where(reaching).limit(1);
  if (known !== undefined) return;
  await grantPeriod(tx, settling, {
    cause: `trial:${subscription.id}:${trialEndMs}`,
    paymentIntentId: null,
    startMs: nowMs,
    exactlyUntilMs: trialEndMs,
  });
}

type Period = {
  cause: string;
  paymentIntentId: string | null;
  startMs: number;
  paidUntilMs?: number;
  exactlyUntilMs?: number;
};

async function grantPeriod(tx: Database, settling: SettlingSubscription, period: Period): Promise<Entitlement[]> {
  const { environment, purchase, plan, nowMs } = settling;
  const [first] = await tx.select().from(entitlements).where(ofPurchase(purchase)).limit(1);
  if (first === undefined || first.memberId === null) return [];
  const { identifier, guest, memberId, offerId, offeringId } = first;
  return grant(tx, {
    environmentId: environment.id,
    identifier,
    guest,
    memberId,
    plan,
    offerId,
    offeringId,
    purchaseId: purchase.id,
    nowMs,
    ...period,
  });
}

/** Takes back what has not run out by itself. What a dispute took back before does not return when it is won. */
async function revokeRest(
  tx: Database,
  { purchase, subscription, nowMs }: SettlingSubscription,
): Promise<Entitlement[]> {
  const endMs = Math.min(subscription.endedMs ?? nowMs, nowMs);
  const running = or(isNull(entitlements.endedAt), gt(entitlements.endedAt, endMs));
  await tx
    .update(entitlements)
    .set({ revokedBecause: "subscription" })
    .where(and(ofPurchase(purchase), eq(entitlements.revokedBecause, "dispute"), running));
  return tx
    .update(entitlements)
    .set({ revokedAt: nowMs, revokedBecause: "subscription" })
    .where(and(ofPurchase(purchase), isNull(entitlements.revokedAt), running))
    .returning();
}

/** What was paid for runs to its end; what has none ends with the subscription. */
function letRunOut(tx: Database, { purchase, subscription, nowMs }: SettlingSubscription): Promise<Entitlement[]> {
  return tx
    .update(entitlements)
    .set({ endedAt: Math.max(subscription.endedMs ?? nowMs, 0) })
    .where(and(ofPurchase(purchase), isNull(entitlements.revokedAt), isNull(entitlements.endedAt)))
    .returning();
}

async function tellOf(
  tx: Database,
  { environment, purchase, nowMs }: SettlingSubscription,
  cause: Extract<Cause & HistoryEvent["type"], "renewal" | "subscription-ended" | "subscription-resumed">,
  changed: readonly Entitlement[],
  subject: string,
): Promise<void> {
  const memberId = changed[0]?.memberId ?? purchase.memberId;
  if (memberId === null || (changed.length === 0 && cause !== "subscription-ended")) return;
  const data = { purchaseId: purchase.id, entitlements: changed.map(({ id }) => id) };
  await remember(tx, [{ environmentId: environment.id, memberId, type: cause, subject, data }], nowMs);
  await announce(tx, environment, { purchase: null, memberId, changed, cause, nowMs });
}

function ofPurchase({ environmentId, id }: Purchase) {
  return and(eq(entitlements.environmentId, environmentId), eq(entitlements.purchaseId, id));
}
