import { Stripe } from "stripe";
import type { Context } from "../context.ts";
import type { Records } from "../records.ts";

type InvoiceRecord = Records["invoice"];
type LineRecord = InvoiceRecord["lines"][number];

/** Stripe API reference, "The Invoice object". Its `payments` are there only when expanded. */
export function invoiceAnswer(context: Context, invoice: InvoiceRecord): Stripe.Invoice {
  const { id, number, status, subtotal, total } = invoice;
  const paid = status === "paid";
  const account = context.store.list("account")[0];
  return {
    ...absent,
    id,
    object: "invoice",
    account_country: account?.country ?? null,
    account_name: account?.name ?? null,
    amount_due: total,
    amount_paid: paid ? total : 0,
    amount_remaining: paid ? 0 : total,
    attempt_count: invoice.attempt_count,
    attempted: invoice.attempt_count > 0 || paid,
    auto_advance: !paid && invoice.next_payment_attempt !== null,
    billing_reason: invoice.billing_reason,
    created: invoice.created,
    currency: invoice.currency,
    customer: invoice.customer,
    customer_email: invoice.customer_email,
    customer_name: invoice.customer_name,
    discounts: invoice.discount === null ? [] : [invoice.discount],
    effective_at: invoice.created,
    lines: {
      object: "list",
      data: invoice.lines.map((line) => lineAnswer(context, invoice, line)),
      has_more: false,
      url: `/v1/invoices/${id}/lines`,
    },
    metadata: invoice.metadata,
    next_payment_attempt: invoice.next_payment_attempt,
    number,
    parent: {
      quote_details: null,
      subscription_details: { metadata: invoice.subscription_metadata, subscription: invoice.subscription },
      type: "subscription_details",
    },
    period_end: invoice.period_end,
    period_start: invoice.period_start,
    status,
    status_transitions: {
      finalized_at: invoice.created,
      marked_uncollectible_at: null,
      paid_at: invoice.paid_at,
      voided_at: null,
    },
    subtotal,
    subtotal_excluding_tax: subtotal,
    total,
    total_discount_amounts: invoice.discount === null ? [] : [{ amount: subtotal - total, discount: invoice.discount }],
    total_excluding_tax: total,
  };
}

function lineAnswer({ store }: Context, invoice: InvoiceRecord, line: LineRecord): Stripe.InvoiceLineItem {
  const price = store.get("price", line.price);
  return {
    id: line.id,
    object: "line_item",
    amount: line.amount,
    currency: invoice.currency,
    description: line.description,
    discount_amounts: invoice.discount === null ? [] : [{ amount: line.amount_discount, discount: invoice.discount }],
    discountable: true,
    discounts: [],
    invoice: invoice.id,
    livemode: false,
    metadata: line.item.startsWith("si_") ? invoice.subscription_metadata : {},
    parent: parentOf(invoice, line),
    period: { end: line.period_end, start: line.period_start },
    pretax_credit_amounts: [],
    pricing: {
      price_details: { price: line.price, product: price?.product ?? "" },
      type: "price_details",
      unit_amount_decimal: Stripe.Decimal.from(price?.unit_amount ?? 0),
    },
    quantity: line.quantity,
    quantity_decimal: Stripe.Decimal.from(line.quantity),
    subscription: invoice.subscription,
    subtotal: line.amount,
    taxes: [],
  };
}

function parentOf({ subscription }: InvoiceRecord, { item }: LineRecord): Stripe.InvoiceLineItem.Parent {
  const details = { proration: false, proration_details: null, subscription };
  return item.startsWith("si_")
    ? {
        invoice_item_details: null,
        subscription_item_details: { ...details, invoice_item: null, subscription_item: item },
        type: "subscription_item_details",
      }
    : {
        invoice_item_details: { ...details, invoice_item: item },
        subscription_item_details: null,
        type: "invoice_item_details",
      };
}

/** Stripe API reference, "The Invoice Payment object". */
export function invoicePaymentAnswer(payment: Records["invoice_payment"]): Stripe.InvoicePayment {
  const { id, created, currency, invoice, payment_intent, amount_requested, paid_at } = payment;
  return {
    id,
    object: "invoice_payment",
    amount_paid: paid_at === null ? null : amount_requested,
    amount_requested,
    created,
    currency,
    invoice,
    is_default: true,
    livemode: false,
    payment: { payment_intent, type: "payment_intent" },
    status: paid_at === null ? "open" : "paid",
    status_transitions: { canceled_at: null, paid_at },
  };
}

/** What every invoice here says alike. */
const absent = {
  account_tax_ids: null,
  amount_overpaid: 0,
  amount_shipping: 0,
  application: null,
  automatic_tax: { disabled_reason: null, enabled: false, liability: null, provider: null, status: null },
  automatically_finalizes_at: null,
  collection_method: "charge_automatically",
  custom_fields: null,
  customer_account: null,
  customer_address: null,
  customer_phone: null,
  customer_shipping: null,
  customer_tax_exempt: "none",
  customer_tax_ids: [],
  default_payment_method: null,
  default_source: null,
  default_tax_rates: [],
  description: null,
  due_date: null,
  ending_balance: 0,
  footer: null,
  from_invoice: null,
  hosted_invoice_url: null,
  invoice_pdf: null,
  issuer: { type: "self" },
  last_finalization_error: null,
  latest_revision: null,
  livemode: false,
  on_behalf_of: null,
  payment_settings: { default_mandate: null, payment_method_options: null, payment_method_types: null },
  post_payment_credit_notes_amount: 0,
  pre_payment_credit_notes_amount: 0,
  receipt_number: null,
  rendering: null,
  shipping_cost: null,
  shipping_details: null,
  starting_balance: 0,
  statement_descriptor: null,
  test_clock: null,
  total_pretax_credit_amounts: [],
  total_taxes: [],
  webhooks_delivered_at: null,
} satisfies Partial<Stripe.Invoice>;
