import { subscriptionAnswer } from "./answers/subscription.ts";
import { periodEnd, type Rhythm } from "./billing-period.ts";
import type { Context } from "./context.ts";
import { formatAmount } from "./currencies.ts";
import { emit } from "./events.ts";
import { newId } from "./ids.ts";
import { collectInvoice, createInvoice, type NewInvoice } from "./invoices.ts";
import type { Records } from "./records.ts";
import { changeSubscription } from "./subscriptions.ts";

type SessionRecord = Records["session"];
type SubscriptionRecord = Records["subscription"];

/**
 * Makes the subscription of a session and collects its first invoice (Stripe docs, "How subscriptions work"). One with
 * something to pay begins incomplete and becomes active when a card has paid or a bank debit is under way.
 */
export function startSubscription(
  context: Context,
  session: SessionRecord,
  { customer, method }: { customer: string; method: SubscriptionRecord["method"] },
): { subscription: SubscriptionRecord; invoice: Records["invoice"] } {
  const begun = newSubscription(context, session, { customer, method });
  context.store.put("subscription", begun);
  const invoice = createInvoice(context, begun, {
    reason: "subscription_create",
    lines: firstLines(context, session, begun),
    discount: discountOf(session, begun),
    period: { start: begun.created, end: begun.created },
  });
  const subscription = { ...begun, latest_invoice: invoice.id };
  context.store.put("subscription", subscription);
  emit(context, "customer.subscription.created", subscriptionAnswer(context, subscription));
  const collected = collectInvoice(context, invoice, { method, description: "Subscription creation" });
  const { status } = subscription;
  return {
    subscription: changeSubscription(context, subscription, { status: status === "incomplete" ? "active" : status }),
    invoice: collected,
  };
}

function newSubscription(
  context: Context,
  session: SessionRecord,
  { customer, method }: Pick<SubscriptionRecord, "customer" | "method">,
): SubscriptionRecord {
  const now = context.nowSeconds();
  const { trial_end, trial_period_days: days, metadata, description } = session.made;
  const trialEnd = trial_end ?? (days === null ? null : now + days * 86_400);
  const recurring = session.line_items.flatMap(({ price, quantity }) => {
    const rhythm = rhythmOf(context, price);
    return rhythm ? [{ price, quantity, rhythm }] : [];
  });
  const rhythm = recurring[0]?.rhythm ?? monthly;
  const unpaid = session.amount_total ? ("incomplete" as const) : ("active" as const);
  const [used] = session.discounts;
  return {
    id: newId("sub"),
    created: now,
    metadata,
    description,
    customer,
    currency: session.currency ?? "",
    status: trialEnd === null ? unpaid : "trialing",
    current_period_start: now,
    current_period_end: trialEnd ?? periodEnd(now, rhythm, now),
    billing_cycle_anchor: trialEnd ?? now,
    trial_start: trialEnd === null ? null : now,
    trial_end: trialEnd,
    items: recurring.map(({ price, quantity }) => ({ id: newId("si", 14), price, quantity })),
    method,
    discount: used === undefined ? null : { id: newId("di"), coupon: used.coupon },
    latest_invoice: null,
    cancel_at_period_end: false,
    canceled_at: null,
    ended_at: null,
    cancellation_details: { comment: null, feedback: null, reason: null },
  };
}

const monthly: Rhythm = { interval: "month", interval_count: 1 };

/** How often a price recurs; undefined when it does not. */
export function rhythmOf({ store }: Context, price: string): Rhythm | undefined {
  return store.get("price", price)?.recurring ?? undefined;
}

function discountOf({ amount_discount }: SessionRecord, { discount }: SubscriptionRecord): string | null {
  return amount_discount === 0 ? null : (discount?.id ?? null);
}

function firstLines(context: Context, session: SessionRecord, subscription: SubscriptionRecord): NewInvoice["lines"] {
  const { created, current_period_end, status, items } = subscription;
  return session.line_items.map((line) => {
    const item = items.find(({ price }) => price === line.price);
    return {
      description: item === undefined ? line.description : lineText(context, line, status === "trialing"),
      price: line.price,
      quantity: line.quantity,
      amount: line.amount_subtotal,
      amount_discount: line.amount_discount,
      period_start: created,
      period_end: item === undefined ? created : current_period_end,
      item: item?.id ?? newId("ii"),
    };
  });
}

/** "1 × Premium (at £10.00 / month)", "Trial period for Premium". */
export function lineText(
  { store }: Context,
  { price: id, quantity }: { price: string; quantity: number },
  trial: boolean,
): string {
  const price = store.get("price", id);
  const name = store.get("product", price?.product ?? "")?.name ?? id;
  if (price === undefined || trial) {
    return `Trial period for ${name}`;
  }
  const { interval, interval_count: count } = price.recurring ?? monthly;
  const period = count === 1 ? interval : `every ${count} ${interval}s`;
  return `${quantity} × ${name} (at ${formatAmount(price.unit_amount, price.currency)} / ${period})`;
}
