import { sql } from "drizzle-orm";
import { entitlements, memberEvents, purchases } from "../../schemas/sales-tables.ts";
import { redemptions } from "../../schemas/tables.ts";
import { newEventId } from "../event-id.ts";
import { userIn } from "../guests.ts";
import type { Database } from "../storage.ts";
import { type Entitlement, entitlementsOf } from "./grants.ts";
import { insertRows } from "./insert-rows.ts";
import { type FoundMember, findOrMakeMembers, type MemberName } from "./members.ts";
import { announce } from "./messages.ts";
import { type PaidSettling, type Purchase, toldOf } from "./settling.ts";

/** A purchase that this transaction completed, and what it granted. */
export type CompletedPurchase = { purchase: Purchase; granted: Entitlement[] };

/**
 * Completes the paid purchases of one environment that nobody has completed yet, however many, by a handful of
 * statements: the update that finds a purchase not completed is its claim, and only what it claimed gets entitlements,
 * history and messages. By the purchase's id.
 */
export async function completePurchases(
  tx: Database,
  paid: readonly PaidSettling[],
): Promise<Map<string, CompletedPurchase>> {
  const [first] = paid;
  if (first === undefined) return new Map();
  const { environment, nowMs } = first;
  const names = paid.map(({ purchase, truth }) => buyerOf(purchase, truth.email));
  const found = await findOrMakeMembers(tx, environment.id, names, nowMs);
  const claimed = await claimAll(tx, paid, found, nowMs);
  const completed = paid.flatMap((settling, i) => {
    const buyer = found[i];
    // a session that is there twice was claimed once
    if (buyer === undefined || !claimed.delete(settling.purchase.id)) return [];
    return [completion(settling, buyer, nowMs)];
  });
  const all = completed.map(({ one }) => one);
  await insertRows(
    tx,
    entitlements,
    all.flatMap(({ granted }) => granted),
  );
  await insertRows(tx, memberEvents, all.map(historyOf));
  await completeRedemptions(tx, all);
  for (const { one, buyer } of completed) {
    const { purchase, granted } = one;
    const about = { purchase, memberId: buyer.member.id, changed: granted, cause: "purchase" as const, nowMs };
    await announce(tx, environment, { ...about, newMember: buyer.isNew ? buyer.member : null });
  }
  return new Map(all.map((one) => [one.purchase.id, one]));
}

/** The claims: one statement, whose rows are the purchases that were not completed before. */
async function claimAll(
  tx: Database,
  paid: readonly PaidSettling[],
  found: readonly FoundMember[],
  nowMs: number,
): Promise<Set<string>> {
  const rows = paid.map(({ purchase, plan, truth }, i) => {
    const { paymentIntentId, subscriptionId, amountMinor, currency } = toldOf(truth);
    const onRefund = plan?.plan.onRefund ?? "revoke";
    const memberId = found[i]?.member.id;
    return [purchase.id, memberId, onRefund, paymentIntentId, subscriptionId, amountMinor, currency];
  });
  const claimed = await tx.all<{ id: string }>(sql`
    update ${purchases} set status = 'completed', awaiting_payment = 0, completed_at = ${nowMs},
      member_id = told.member, on_refund = told.refund, payment_intent_id = told.payment,
      subscription_id = told.subscription, amount_minor = told.amount, currency = told.currency
    from (select value ->> 0 as id, value ->> 1 as member, value ->> 2 as refund, value ->> 3 as payment,
      value ->> 4 as subscription, value ->> 5 as amount, value ->> 6 as currency
      from json_each(${JSON.stringify(rows)})) as told
    where purchases.id = told.id and purchases.status in ('pending', 'failed', 'expired')
    returning id`);
  return new Set(claimed.map(({ id }) => id));
}

function completion({ purchase, plan, truth }: PaidSettling, buyer: FoundMember, nowMs: number) {
  const { member } = buyer;
  const completed: Purchase = {
    ...purchase,
    ...toldOf(truth),
    status: "completed",
    awaitingPayment: false,
    memberId: member.id,
    onRefund: plan?.plan.onRefund ?? "revoke",
    completedAt: nowMs,
  };
  const { environmentId, guest, offerId, offeringId } = completed;
  const granted =
    plan === null
      ? []
      : entitlementsOf({
          environmentId,
          identifier: member.identifier,
          guest,
          memberId: member.id,
          plan,
          cause: `purchase:${purchase.id}`,
          offerId,
          offeringId,
          purchaseId: purchase.id,
          paymentIntentId: null,
          startMs: nowMs,
          // what is tried has not been paid for; what has no end ends with its subscription
          ...(truth.trialEndMs === null || plan.plan.duration === null ? {} : { exactlyUntilMs: truth.trialEndMs }),
          nowMs,
        });
  return { buyer, one: { purchase: completed, granted } };
}

function historyOf({ purchase, granted }: CompletedPurchase): typeof memberEvents.$inferInsert {
  const { id: purchaseId, environmentId, memberId, offeringId, offerId, planId, amountMinor, currency } = purchase;
  const createdAt = purchase.completedAt ?? 0;
  const given = granted.map(({ id }) => id);
  return {
    id: newEventId(createdAt),
    environmentId,
    memberId: memberId ?? "",
    type: "purchase",
    subject: purchaseId,
    data: { purchaseId, offeringId, offerId, planId, amountMinor, currency, entitlements: given },
    createdAt,
  };
}

/** Their redemptions are complete: what they held a place for is sold. */
async function completeRedemptions(tx: Database, completed: readonly CompletedPurchase[]): Promise<void> {
  if (completed.length === 0) return;
  const keys = completed.map(({ purchase: { environmentId, offeringId, identityKey, attempt } }) => [
    environmentId,
    offeringId,
    identityKey,
    attempt,
  ]);
  await tx.run(sql`
    update ${redemptions} set outcome = 'complete'
    from (select value ->> 0 as environment, value ->> 1 as offering, value ->> 2 as identity, value ->> 3 as attempt
      from json_each(${JSON.stringify(keys)})) as sold
    where redemptions.environment_id = sold.environment and redemptions.offering_id = sold.offering
      and redemptions.identity_key = sold.identity and redemptions.attempt = sold.attempt
      and redemptions.status = 'succeeded'`);
}

/** An identified buyer is who the site said; anybody else is found by the address that Stripe took the payment with. */
function buyerOf({ identityKey, guest, id }: Purchase, email: string | null): MemberName {
  const user = userIn(identityKey);
  if (user !== null && guest === null) return { identifier: user };
  return email === null ? { identifier: guest ?? `buyer:${id}` } : { buyerEmail: email };
}
