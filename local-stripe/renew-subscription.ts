import { anchorOf } from "./answers/subscription.ts";
import { monthsAfter, periodEnd } from "./billing-period.ts";
import type { Context } from "./context.ts";
import { discountLines } from "./discounts.ts";
import { collectInvoice, createInvoice, type NewInvoice, retryInvoice } from "./invoices.ts";
import type { Records } from "./records.ts";
import { lineText, rhythmOf } from "./start-subscription.ts";
import { changeSubscription, endSubscription, followInvoice } from "./subscriptions.ts";

type SubscriptionRecord = Records["subscription"];

/**
 * What happens at the end of a subscription's period (Stripe docs, "Subscription invoices"): it ends, when that was
 * asked for; otherwise the next period begins and is billed.
 */
export function renewSubscription(context: Context, subscription: SubscriptionRecord): void {
  if (subscription.cancel_at_period_end) {
    endSubscription(context, subscription, {});
    return;
  }
  const { current_period_start, current_period_end: start, created, status, method } = subscription;
  const rhythm = rhythmOf(context, subscription.items[0]?.price ?? "") ?? { interval: "month", interval_count: 1 };
  const end = periodEnd(anchorOf(subscription), rhythm, start);
  const { lines, discount } = nextLines(context, subscription, { start, end });
  const invoice = createInvoice(context, subscription, {
    reason: "subscription_cycle",
    lines,
    discount,
    period: { start: current_period_start ?? created, end: start },
  });
  changeSubscription(context, subscription, {
    current_period_start: start,
    current_period_end: end,
    latest_invoice: invoice.id,
    status: status === "trialing" ? "active" : status,
    ...(discount === null && { discount: null }),
  });
  const collected = collectInvoice(context, invoice, { method, description: "Subscription update" });
  if (collected.status === "paid" || !isProcessing(context, collected)) {
    followInvoice(context, collected);
  }
}

/** Tries to collect an open invoice whose next attempt has come. */
export function retryDueInvoice(context: Context, invoice: Records["invoice"]): void {
  followInvoice(context, retryInvoice(context, invoice));
}

function isProcessing({ store }: Context, { payment_intent }: Records["invoice"]): boolean {
  return store.get("payment_intent", payment_intent ?? "")?.status === "processing";
}

function nextLines(
  context: Context,
  subscription: SubscriptionRecord,
  { start, end }: { start: number; end: number },
): Pick<NewInvoice, "lines" | "discount"> {
  const items = subscription.items.flatMap((item) => {
    const price = context.store.get("price", item.price);
    return price === undefined
      ? []
      : [{ ...item, product: price.product, subtotal: price.unit_amount * item.quantity }];
  });
  const coupon = couponFor(context, subscription, start);
  const off = coupon === undefined ? [] : discountLines({ coupon, code: null }, items, subscription.currency);
  const lines = items.map((item, index) => ({
    description: lineText(context, item, false),
    price: item.price,
    quantity: item.quantity,
    amount: item.subtotal,
    amount_discount: off[index] ?? 0,
    period_start: start,
    period_end: end,
    item: item.id,
  }));
  return { lines, discount: coupon === undefined ? null : (subscription.discount?.id ?? null) };
}

/** The coupon, as long as it lasts (Stripe API reference, "Coupons": `duration`). */
function couponFor(
  { store }: Context,
  { discount, created }: SubscriptionRecord,
  at: number,
): Records["coupon"] | undefined {
  const coupon = store.get("coupon", discount?.coupon ?? "");
  if (coupon?.duration === "repeating") {
    return at < monthsAfter(created, coupon.duration_in_months ?? 0) ? coupon : undefined;
  }
  return coupon?.duration === "forever" ? coupon : undefined;
}
