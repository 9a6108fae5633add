import * as v from "valibot";
import { billingSchemas } from "./billing-records.ts";
import { common, later, metadata } from "./record-parts.ts";

/**
 * What is remembered of each Stripe object, under Stripe's own field names. Fields that never vary here are not
 * remembered: `answers/` adds them.
 */
export const recordSchemas = {
  account: v.object({ id: v.string(), created: v.number(), name: v.string(), country: v.string() }),
  product: v.object({
    ...common(),
    updated: v.number(),
    active: v.boolean(),
    name: v.string(),
    description: v.nullable(v.string()),
    images: v.array(v.string()),
    default_price: v.nullable(v.string()),
    shippable: v.nullable(v.boolean()),
    statement_descriptor: v.nullable(v.string()),
    tax_code: v.nullable(v.string()),
    unit_label: v.nullable(v.string()),
    url: v.nullable(v.string()),
  }),
  price: v.object({
    ...common(),
    active: v.boolean(),
    currency: v.string(),
    product: v.string(),
    unit_amount: v.number(),
    nickname: v.nullable(v.string()),
    lookup_key: v.nullable(v.string()),
    tax_behavior: v.string(),
    recurring: v.nullable(
      v.object({ interval: v.picklist(["day", "week", "month", "year"]), interval_count: v.number() }),
    ),
  }),
  coupon: v.object({
    ...common(),
    name: v.nullable(v.string()),
    amount_off: v.nullable(v.number()),
    percent_off: v.nullable(v.number()),
    currency: v.nullable(v.string()),
    duration: v.picklist(["forever", "once", "repeating"]),
    duration_in_months: v.nullable(v.number()),
    max_redemptions: v.nullable(v.number()),
    redeem_by: v.nullable(v.number()),
    times_redeemed: v.number(),
    applies_to: v.nullable(v.array(v.string())),
  }),
  promotion_code: v.object({
    ...common(),
    active: v.boolean(),
    code: v.string(),
    coupon: v.string(),
    customer: v.nullable(v.string()),
    expires_at: v.nullable(v.number()),
    max_redemptions: v.nullable(v.number()),
    times_redeemed: v.number(),
    minimum_amount: v.nullable(v.number()),
    minimum_amount_currency: v.nullable(v.string()),
  }),
  customer: v.object({
    ...common(),
    email: v.nullable(v.string()),
    name: v.nullable(v.string()),
    phone: v.nullable(v.string()),
    description: v.nullable(v.string()),
    /** Whether its card is declined from now on. */
    failing: v.optional(v.boolean(), false),
  }),
  setup_intent: v.object({
    ...common(),
    customer: v.nullable(v.string()),
    description: v.nullable(v.string()),
    status: v.picklist(["succeeded"]),
  }),
  session: v.object({
    ...common(),
    mode: v.picklist(["payment", "setup", "subscription"]),
    status: v.picklist(["open", "complete", "expired"]),
    payment_status: v.picklist(["paid", "unpaid", "no_payment_required"]),
    currency: v.nullable(v.string()),
    amount_subtotal: v.nullable(v.number()),
    amount_discount: v.number(),
    amount_total: v.nullable(v.number()),
    line_items: v.array(
      v.object({
        id: v.string(),
        price: v.string(),
        description: v.string(),
        quantity: v.number(),
        currency: v.string(),
        amount_subtotal: v.number(),
        amount_discount: v.number(),
        amount_total: v.number(),
        metadata: metadata(),
      }),
    ),
    discounts: v.array(v.object({ coupon: v.string(), promotion_code: v.nullable(v.string()) })),
    success_url: v.string(),
    cancel_url: v.nullable(v.string()),
    client_reference_id: v.nullable(v.string()),
    customer: v.nullable(v.string()),
    customer_creation: v.nullable(v.picklist(["always", "if_required"])),
    customer_email: v.nullable(v.string()),
    customer_details: v.nullable(v.object({ email: v.nullable(v.string()), name: v.nullable(v.string()) })),
    expires_at: v.number(),
    payment_intent: v.nullable(v.string()),
    setup_intent: v.nullable(v.string()),
    subscription: v.nullable(v.string()),
    invoice: later(v.string()),
    payment_method_collection: v.picklist(["always", "if_required"]),
    /** `payment_intent_data`, `setup_intent_data` or `subscription_data`: what the object made on completion gets. */
    made: v.object({
      metadata: metadata(),
      description: v.nullable(v.string()),
      receipt_email: v.nullable(v.string()),
      statement_descriptor: v.nullable(v.string()),
      trial_period_days: v.nullable(v.number()),
      trial_end: v.nullable(v.number()),
    }),
    /** Given and given back, with no effect here. */
    echoed: v.object({
      allow_promotion_codes: v.nullable(v.boolean()),
      allowed_payment_method_types: v.nullable(v.array(v.string())),
      automatic_tax: v.boolean(),
      billing_address_collection: v.nullable(v.string()),
      integration_identifier: v.nullable(v.string()),
      locale: v.nullable(v.string()),
      origin_context: v.nullable(v.string()),
      submit_type: v.nullable(v.string()),
    }),
  }),
  ...billingSchemas,
};

/** The kinds of object remembered. */
export type Kind = keyof typeof recordSchemas;

/** Their names. */
export const kinds = [
  "account",
  "product",
  "price",
  "coupon",
  "promotion_code",
  "customer",
  "payment_intent",
  "setup_intent",
  "subscription",
  "session",
  "charge",
  "invoice",
  "invoice_payment",
  "refund",
  "dispute",
] as const satisfies Kind[];

/** What is remembered of an object of one kind. */
export type RecordOf<K extends Kind> = v.InferOutput<(typeof recordSchemas)[K]>;

/** What is remembered of an object, by its kind. */
export type Records = { [K in Kind]: RecordOf<K> };

/** One line of a Checkout Session. */
export type LineItemRecord = Records["session"]["line_items"][number];
