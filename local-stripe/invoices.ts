import { invoiceAnswer, invoicePaymentAnswer } from "./answers/invoice.ts";
import type { Context } from "./context.ts";
import { emit } from "./events.ts";
import { newId } from "./ids.ts";
import { attemptPayment, startPayment } from "./payments.ts";
import type { Records } from "./records.ts";

type InvoiceRecord = Records["invoice"];
type SubscriptionRecord = Records["subscription"];

/** What an invoice is made of, besides its subscription. */
export interface NewInvoice {
  reason: InvoiceRecord["billing_reason"];
  lines: Omit<InvoiceRecord["lines"][number], "id">[];
  /** The id of the discount in its lines, if there is one. */
  discount: string | null;
  /** The period that lies behind, which for the first invoice has no length. */
  period: { start: number; end: number };
}

/** Makes an invoice of a subscription, finalized and not collected yet (Stripe docs, "Subscription invoices"). */
export function createInvoice(
  context: Context,
  subscription: SubscriptionRecord,
  { reason, lines, discount, period }: NewInvoice,
): InvoiceRecord {
  const customer = context.store.get("customer", subscription.customer);
  const sum = (key: "amount" | "amount_discount") => lines.reduce((total, line) => total + line[key], 0);
  const invoice: InvoiceRecord = {
    id: newId("in"),
    created: context.nowSeconds(),
    metadata: {},
    customer: subscription.customer,
    customer_email: customer?.email ?? null,
    customer_name: customer?.name ?? null,
    subscription: subscription.id,
    subscription_metadata: subscription.metadata,
    currency: subscription.currency,
    billing_reason: reason,
    status: "open",
    number: `${newId("no", 8).slice("no_".length).toUpperCase()}-0001`,
    period_start: period.start,
    period_end: period.end,
    subtotal: sum("amount"),
    total: sum("amount") - sum("amount_discount"),
    discount,
    attempt_count: 0,
    next_payment_attempt: null,
    paid_at: null,
    payment_intent: null,
    lines: lines.map((line) => ({ ...line, id: newId("il") })),
  };
  context.store.put("invoice", invoice);
  return invoice;
}

/** Collects an invoice with its subscription's payment method; one that asks for nothing is paid at once. */
export function collectInvoice(
  context: Context,
  invoice: InvoiceRecord,
  { method, description }: { method: SubscriptionRecord["method"]; description: string },
): InvoiceRecord {
  if (invoice.total === 0) {
    return invoicePaid(context, invoice);
  }
  const customer = context.store.get("customer", invoice.customer);
  const intent = startPayment(
    context,
    {
      amount: invoice.total,
      billing: { email: invoice.customer_email, name: invoice.customer_name },
      currency: invoice.currency,
      customer: invoice.customer,
      description,
      metadata: {},
      method,
      receipt_email: null,
      statement_descriptor: null,
    },
    customer?.failing ?? false,
  );
  const tried = { ...invoice, attempt_count: 1, payment_intent: intent.id };
  context.store.put("invoice", tried);
  context.store.put("invoice_payment", {
    id: newId("inpay"),
    created: context.nowSeconds(),
    metadata: {},
    invoice: invoice.id,
    payment_intent: intent.id,
    currency: invoice.currency,
    amount_requested: invoice.total,
    paid_at: null,
  });
  return concludeInvoice(context, tried, intent);
}

/** Tries an open invoice once more with the same payment intent. */
export function retryInvoice(context: Context, invoice: InvoiceRecord): InvoiceRecord {
  const intent = context.store.get("payment_intent", invoice.payment_intent ?? "");
  if (intent === undefined) {
    throw new Error(`${invoice.id} has nothing to retry`);
  }
  const declined = context.store.get("customer", invoice.customer)?.failing ?? false;
  const again = { ...invoice, attempt_count: invoice.attempt_count + 1 };
  return concludeInvoice(context, again, attemptPayment(context, intent, declined));
}

/** What the state of its payment makes of an open invoice. */
export function concludeInvoice(
  context: Context,
  invoice: InvoiceRecord,
  intent: Records["payment_intent"],
): InvoiceRecord {
  if (intent.status === "succeeded") {
    return invoicePaid(context, invoice);
  }
  return intent.status === "processing" ? invoice : invoiceFailed(context, invoice, intent);
}

/** The one place where an invoice becomes paid. */
function invoicePaid(context: Context, invoice: InvoiceRecord): InvoiceRecord {
  const paidAt = context.nowSeconds();
  const paid: InvoiceRecord = { ...invoice, status: "paid", next_payment_attempt: null, paid_at: paidAt };
  context.store.put("invoice", paid);
  const payment = context.store.find("invoice_payment", { invoice: invoice.id });
  if (payment !== undefined) {
    const done = { ...payment, paid_at: paidAt };
    context.store.put("invoice_payment", done);
    emit(context, "invoice_payment.paid", invoicePaymentAnswer(done));
  }
  emit(context, "invoice.paid", invoiceAnswer(context, paid));
  return paid;
}

/** A card is tried again after three, five and seven days more; what no one has given, or a bank has refused, is not. */
const retryDays = [3, 5, 7];

function invoiceFailed(context: Context, invoice: InvoiceRecord, { method }: Records["payment_intent"]): InvoiceRecord {
  const days = method === "card" ? retryDays[invoice.attempt_count - 1] : undefined;
  const failed: InvoiceRecord = {
    ...invoice,
    next_payment_attempt: days === undefined ? null : context.nowSeconds() + days * 86_400,
  };
  context.store.put("invoice", failed);
  emit(context, "invoice.payment_failed", invoiceAnswer(context, failed));
  return failed;
}
