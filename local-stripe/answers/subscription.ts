import type { Stripe } from "stripe";
import type { Context } from "../context.ts";
import type { Records } from "../records.ts";
import { planAnswer, priceAnswer } from "./price.ts";

/** Stripe API reference, "The Subscription object". Its invoices are not simulated: `latest_invoice` is null. */
export function subscriptionAnswer(context: Context, subscription: Records["subscription"]): Stripe.Subscription {
  const { id, items, current_period_end, ...rest } = subscription;
  return {
    id,
    object: "subscription",
    ...rest,
    ...fixed,
    billing_cycle_anchor: subscription.trial_end ?? subscription.created,
    items: {
      object: "list",
      data: items.flatMap((item) => itemAnswer(context, subscription, item)),
      has_more: false,
      url: `/v1/subscription_items?subscription=${id}`,
    },
    start_date: subscription.created,
    trial_settings: { end_behavior: { billing_cycle_anchor: null, missing_payment_method: "create_invoice" } },
  };
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
    current_period_start: subscription.created,
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
  cancel_at: null,
  cancel_at_period_end: false,
  canceled_at: null,
  cancellation_details: { comment: null, feedback: null, feedback_option: null, reason: null },
  collection_method: "charge_automatically",
  customer_account: null,
  days_until_due: null,
  default_payment_method: null,
  default_source: null,
  default_tax_rates: [],
  discounts: [],
  ended_at: null,
  invoice_settings: {
    account_tax_ids: null,
    custom_fields: null,
    description: null,
    footer: null,
    issuer: { type: "self" },
  },
  latest_invoice: null,
  livemode: false,
  managed_payments: null,
  next_pending_invoice_item_invoice: null,
  on_behalf_of: null,
  pause_collection: null,
  payment_settings: {
    payment_method_options: null,
    payment_method_types: ["card"],
    save_default_payment_method: "off",
  },
  pending_invoice_item_interval: null,
  pending_setup_intent: null,
  pending_update: null,
  schedule: null,
  test_clock: null,
  transfer_data: null,
} satisfies Partial<Stripe.Subscription>;
