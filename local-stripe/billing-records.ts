import * as v from "valibot";
import { methodTypes } from "./payment-methods.ts";
import { common, later, metadata } from "./record-parts.ts";

/** How something is paid; null where nothing has been given to pay with. */
const method = v.nullable(v.picklist(methodTypes));

/** What is remembered of payments and of what is billed: the larger half of `recordSchemas`. */
export const billingSchemas = {
  payment_intent: v.object({
    ...common(),
    amount: v.number(),
    currency: v.string(),
    customer: v.nullable(v.string()),
    description: v.nullable(v.string()),
    receipt_email: v.nullable(v.string()),
    statement_descriptor: v.nullable(v.string()),
    status: v.picklist(["succeeded", "processing", "requires_payment_method"]),
    method: v.optional(method, "card"),
    latest_charge: later(v.string()),
    last_payment_error: later(
      v.object({
        type: v.string(),
        code: v.string(),
        decline_code: v.nullable(v.string()),
        message: v.string(),
        charge: v.nullable(v.string()),
      }),
    ),
    /** When a bank debit is settled by itself, Unix seconds with fractions; null when that is for others to say. */
    settles_at: later(v.number()),
    billing: v.optional(billing(), { email: null, name: null }),
  }),
  charge: v.object({
    ...common(),
    amount: v.number(),
    amount_refunded: v.number(),
    currency: v.string(),
    customer: v.nullable(v.string()),
    description: v.nullable(v.string()),
    disputed: v.boolean(),
    failure_code: v.nullable(v.string()),
    failure_message: v.nullable(v.string()),
    payment_intent: v.string(),
    receipt_email: v.nullable(v.string()),
    statement_descriptor: v.nullable(v.string()),
    status: v.picklist(["succeeded", "pending", "failed"]),
    method: v.picklist(methodTypes),
    billing: billing(),
  }),
  subscription: v.object({
    ...common(),
    customer: v.string(),
    currency: v.string(),
    description: v.nullable(v.string()),
    status: v.picklist(["incomplete", "active", "trialing", "past_due", "canceled"]),
    current_period_start: later(v.number()),
    current_period_end: v.number(),
    billing_cycle_anchor: later(v.number()),
    trial_end: v.nullable(v.number()),
    trial_start: v.nullable(v.number()),
    items: v.array(v.object({ id: v.string(), price: v.string(), quantity: v.number() })),
    method: v.optional(method, "card"),
    discount: later(v.object({ id: v.string(), coupon: v.string() })),
    latest_invoice: later(v.string()),
    cancel_at_period_end: v.optional(v.boolean(), false),
    canceled_at: later(v.number()),
    ended_at: later(v.number()),
    cancellation_details: v.optional(
      v.object({
        comment: v.nullable(v.string()),
        feedback: v.nullable(v.string()),
        reason: v.nullable(v.picklist(["cancellation_requested", "payment_failed"])),
      }),
      { comment: null, feedback: null, reason: null },
    ),
  }),
  invoice: v.object({
    ...common(),
    customer: v.string(),
    customer_email: v.nullable(v.string()),
    customer_name: v.nullable(v.string()),
    subscription: v.string(),
    /** The subscription's metadata when the invoice was made. */
    subscription_metadata: metadata(),
    currency: v.string(),
    billing_reason: v.picklist(["subscription_create", "subscription_cycle"]),
    status: v.picklist(["open", "paid"]),
    number: v.string(),
    period_start: v.number(),
    period_end: v.number(),
    subtotal: v.number(),
    total: v.number(),
    discount: v.nullable(v.string()),
    attempt_count: v.number(),
    next_payment_attempt: v.nullable(v.number()),
    paid_at: v.nullable(v.number()),
    payment_intent: v.nullable(v.string()),
    lines: v.array(
      v.object({
        id: v.string(),
        description: v.string(),
        price: v.string(),
        quantity: v.number(),
        amount: v.number(),
        amount_discount: v.number(),
        period_start: v.number(),
        period_end: v.number(),
        /** `si_…` of what recurs, `ii_…` of what is paid once. */
        item: v.string(),
      }),
    ),
  }),
  invoice_payment: v.object({
    ...common(),
    invoice: v.string(),
    payment_intent: v.string(),
    currency: v.string(),
    amount_requested: v.number(),
    paid_at: v.nullable(v.number()),
  }),
  refund: v.object({
    ...common(),
    amount: v.number(),
    charge: v.string(),
    currency: v.string(),
    payment_intent: v.string(),
    reason: v.nullable(v.string()),
  }),
  dispute: v.object({
    ...common(),
    amount: v.number(),
    charge: v.string(),
    currency: v.string(),
    payment_intent: v.string(),
    reason: v.string(),
    evidence: v.record(v.string(), v.string()),
    due_by: v.number(),
    submission_count: v.number(),
    status: v.picklist([
      "warning_needs_response",
      "warning_under_review",
      "warning_closed",
      "needs_response",
      "under_review",
      "won",
      "lost",
    ]),
  }),
};

/** Who pays, as given with the payment. */
function billing() {
  return v.object({ email: v.nullable(v.string()), name: v.nullable(v.string()) });
}
