import type { Stripe } from "stripe";
import type { Context } from "../context.ts";
import type { Records } from "../records.ts";
import { planAnswer, priceAnswer } from "./price.ts";

/** Stripe API reference, "The Subscription object". The billing period is its items'. */
export function subscriptionAnswer(context: Context, subscription: Records["subscription"]): Stripe.Subscription {
  const { id, items, current_period_start: _, current_period_end, method, discount, ...rest } = subscription;
  return {
    id,
    object: "subscription",
    ...rest,
    ...fixed,
    billing_cycle_anchor: anchorOf(subscription),
    cancel_at: subscription.cancel_at_period_end ? current_period_end : null,
    cancellation_details: { ...subscription.cancellation_details, feedback_option: null },
    discounts: discount === null ? [] : [discount.id],
    items: {
      object: "list",
      data: items.flatMap((item) => itemAnswer(context, subscription, item)),
      has_more: false,
      url: `/v1/subscription_items?subscription=${id}`,
    },
    payment_settings: {
      payment_method_options: null,
      payment_method_types: [method ?? "card"],
      save_default_payment_method: "off",
    },
    start_date: subscription.created,
    trial_settings: { end_behavior: { billing_cycle_anchor: null, missing_payment_method: "create_invoice" } },
  };
}

/** What all periods are counted from; files of an older version do not say. */
export function anchorOf({ billing_cycle_anchor, trial_end, created }: Records["subscription"]): number {
  return billing_cycle_anchor ?? trial_end ?? created;
}

type Item = Records["subscription"]["items"][number];

function itemAnswer(context: Context, subscription: Records["subscription"], item: Item): Stripe.SubscriptionItem[] {
  const price = context.store.get("price", item.price);
  if (price === undefined) {
    return [];
  }
  const answer: Stripe.SubscriptionItem = {
    id: item.id,
    object: "subscription_item",
    billing_thresholds: null,
    created: subscription.created,
    current_period_end: subscription.current_period_end,
    current_period_start: subscription.current_period_start ?? subscription.created,
    current_trial: null,
    discounts: [],
    metadata: {},
    plan: planAnswer(price),
    price: priceAnswer(price),
    quantity: item.quantity,
    subscription: subscription.id,
    tax_rates: [],
  };
  return [answer];
}

/** What every subscription made by Checkout here says alike. */
const fixed = {
  application: null,
  application_fee_percent: null,
  automatic_tax: { disabled_reason: null, enabled: false, liability: null },
  billing_cycle_anchor_config: null,
  billing_mode: { flexible: { proration_discounts: "included" }, type: "flexible" },
  billing_schedules: [],
  billing_thresholds: null,
  collection_method: "charge_automatically",
  customer_account: null,
  days_until_due: null,
  default_payment_method: null,
  default_source: null,
  default_tax_rates: [],
  invoice_settings: {
    account_tax_ids: null,
    custom_fields: null,
    description: null,
    footer: null,
    issuer: { type: "self" },
  },
  livemode: false,
  managed_payments: null,
  next_pending_invoice_item_invoice: null,
  on_behalf_of: null,
  pause_collection: null,
  pending_invoice_item_interval: null,
  pending_setup_intent: null,
  pending_update: null,
  schedule: null,
  test_clock: null,
  transfer_data: null,
} satisfies Partial<Stripe.Subscription>;
