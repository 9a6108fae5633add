import { subscriptionAnswer } from "./answers/subscription.ts";
import type { Context } from "./context.ts";
import { emit, previousOf } from "./events.ts";
import type { Records } from "./records.ts";

type SubscriptionRecord = Records["subscription"];

/** Remembers a change of a subscription and tells of it; a change that changes nothing is none. */
export function changeSubscription(
  context: Context,
  subscription: SubscriptionRecord,
  change: Partial<SubscriptionRecord>,
): SubscriptionRecord {
  const before = subscriptionAnswer(context, subscription);
  const changed = { ...subscription, ...change };
  const after = subscriptionAnswer(context, changed);
  const previous = previousOf(before, after);
  if (Object.keys(previous).length > 0) {
    context.store.put("subscription", changed);
    emit(context, "customer.subscription.updated", after, previous);
  }
  return changed;
}

/** The one place where a subscription ends: nothing is collected for it any more. */
export function endSubscription(
  context: Context,
  subscription: SubscriptionRecord,
  details: Partial<SubscriptionRecord["cancellation_details"]>,
): SubscriptionRecord {
  const now = context.nowSeconds();
  const ended: SubscriptionRecord = {
    ...subscription,
    status: "canceled",
    canceled_at: subscription.canceled_at ?? now,
    ended_at: now,
    cancel_at_period_end: false,
    cancellation_details: { ...subscription.cancellation_details, ...details },
  };
  context.store.put("subscription", ended);
  for (const invoice of Array.from(context.store.scan("invoice", { by: { subscription: subscription.id } }))) {
    if (invoice.next_payment_attempt !== null) {
      context.store.put("invoice", { ...invoice, next_payment_attempt: null });
    }
  }
  emit(context, "customer.subscription.deleted", subscriptionAnswer(context, ended));
  return ended;
}

/** What a paid or refused invoice makes of its subscription: the latest one says how it stands, any one can end it. */
export function followInvoice(context: Context, invoice: Records["invoice"]): void {
  const subscription = context.store.get("subscription", invoice.subscription);
  if (subscription === undefined || subscription.status === "canceled") {
    return;
  }
  const latest = subscription.latest_invoice === invoice.id;
  const status = invoice.status === "paid" ? ("active" as const) : ("past_due" as const);
  const changed = latest ? changeSubscription(context, subscription, { status }) : subscription;
  const exhausted = invoice.status === "open" && invoice.next_payment_attempt === null && changed.method === "card";
  if (exhausted) {
    endSubscription(context, changed, { reason: "payment_failed" });
  }
}
