import type { Stripe } from "stripe";
import { invoiceAnswer, invoicePaymentAnswer } from "../answers/invoice.ts";
import { subscriptionAnswer } from "../answers/subscription.ts";
import type { Context } from "../context.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import { found, invalid, noSuch, notSimulated } from "../errors.ts";
import { listPage } from "../list-page.ts";
import { mergeMetadata } from "../metadata.ts";
import type { Records } from "../records.ts";
import { onlySimulated, pageParams } from "../simulated.ts";
import { changeSubscription, endSubscription } from "../subscriptions.ts";

type SubscriptionRecord = Records["subscription"];

/** Stripe API reference, "Subscriptions". */
export const subscriptionEndpoints: Endpoint[] = [
  endpoint("GET", "/v1/subscriptions", "subscriptionList", (context, params) => {
    onlySimulated(params, [...pageParams, "customer", "price", "status"]);
    const { customer, price, status } = params;
    return listPage(context, {
      kind: "subscription",
      name: "subscription",
      url: "/v1/subscriptions",
      params,
      by: { customer },
      only: (subscription) =>
        (price === undefined || subscription.items.some((item) => item.price === price)) &&
        hasStatus(subscription, status),
      answer: (subscription) => subscriptionAnswer(context, subscription),
    });
  }),
  endpoint("GET", "/v1/subscriptions/:id", "subscriptionRetrieve", (context, _, id) =>
    subscriptionAnswer(context, found(context.store.get("subscription", id), "subscription", id)),
  ),
  endpoint("POST", "/v1/subscriptions/:id", "subscriptionUpdate", (context, params, id) =>
    subscriptionAnswer(context, update(context, id, params)),
  ),
  endpoint("DELETE", "/v1/subscriptions/:id", "subscriptionCancel", (context, params, id) =>
    subscriptionAnswer(context, cancel(context, id, params)),
  ),
];

/** Stripe API reference, "Invoices", "Invoice Payments". */
export const invoiceEndpoints: Endpoint[] = [
  endpoint("GET", "/v1/invoices", "invoiceList", (context, params) => {
    onlySimulated(params, [...pageParams, "customer", "status", "subscription"]);
    const { customer, status, subscription } = params;
    return listPage(context, {
      kind: "invoice",
      name: "invoice",
      url: "/v1/invoices",
      params,
      by: { customer, subscription },
      only: (invoice) => status === undefined || invoice.status === status,
      answer: (invoice) => invoiceAnswer(context, invoice),
    });
  }),
  endpoint("GET", "/v1/invoices/:id", "invoiceRetrieve", (context, _, id) =>
    invoiceAnswer(context, found(context.store.get("invoice", id), "invoice", id, "invoice")),
  ),
  endpoint("GET", "/v1/invoice_payments", "invoicePaymentList", (context, params) => {
    const { invoice, payment, status } = params;
    return listPage(context, {
      kind: "invoice_payment",
      name: "invoice_payment",
      url: "/v1/invoice_payments",
      params,
      by: { invoice, payment_intent: payment?.payment_intent },
      only: ({ paid_at }) =>
        payment?.type !== "payment_record" && (status === undefined || status === (paid_at === null ? "open" : "paid")),
      answer: invoicePaymentAnswer,
    });
  }),
  endpoint("GET", "/v1/invoice_payments/:id", "invoicePaymentRetrieve", ({ store }, _, id) =>
    invoicePaymentAnswer(found(store.get("invoice_payment", id), "invoice_payment", id, "invoice_payment")),
  ),
];

function hasStatus({ status }: SubscriptionRecord, wanted: string | undefined): boolean {
  if (wanted === undefined) {
    return status !== "canceled";
  }
  return wanted === "all" || status === (wanted === "ended" ? "canceled" : wanted);
}

function update(context: Context, id: string, params: Stripe.SubscriptionUpdateParams): SubscriptionRecord {
  onlySimulated(params, ["cancel_at_period_end", "cancellation_details", "description", "metadata"]);
  const subscription = found(context.store.get("subscription", id), "subscription", id);
  const { cancel_at_period_end: atEnd, description } = params;
  if (subscription.status === "canceled" && (atEnd !== undefined || description !== undefined)) {
    throw invalid("A canceled subscription can only update its cancellation_details and metadata.");
  }
  return changeSubscription(context, subscription, {
    metadata: mergeMetadata(subscription.metadata, params.metadata),
    description: description === undefined ? subscription.description : description || null,
    cancellation_details: detailsOf(subscription, params.cancellation_details),
    ...(atEnd !== undefined && atEnd !== subscription.cancel_at_period_end && ending(context, subscription, params)),
  });
}

/** Said now, done at the end of the period; taking it back leaves nothing of it. */
function ending(
  context: Context,
  subscription: SubscriptionRecord,
  { cancel_at_period_end: atEnd = false, cancellation_details }: Stripe.SubscriptionUpdateParams,
): Partial<SubscriptionRecord> {
  return {
    cancel_at_period_end: atEnd,
    canceled_at: atEnd ? context.nowSeconds() : null,
    cancellation_details: atEnd
      ? { ...detailsOf(subscription, cancellation_details), reason: "cancellation_requested" }
      : { comment: null, feedback: null, reason: null },
  };
}

function cancel(context: Context, id: string, params: Stripe.SubscriptionCancelParams): SubscriptionRecord {
  const subscription = found(context.store.get("subscription", id), "subscription", id);
  if (params.invoice_now || params.prorate) {
    throw notSimulated(params.invoice_now ? "invoice_now" : "prorate");
  }
  if (subscription.status === "canceled") {
    throw noSuch("subscription", id, "id", 404);
  }
  const details = detailsOf(subscription, params.cancellation_details);
  return endSubscription(context, subscription, { ...details, reason: "cancellation_requested" });
}

function detailsOf(
  { cancellation_details: known }: SubscriptionRecord,
  given: Stripe.SubscriptionCancelParams["cancellation_details"],
): SubscriptionRecord["cancellation_details"] {
  if (given?.feedback_option !== undefined) {
    throw notSimulated("cancellation_details[feedback_option]");
  }
  return {
    ...known,
    comment: given?.comment === undefined ? known.comment : given.comment || null,
    feedback: given?.feedback === undefined ? known.feedback : given.feedback || null,
  };
}
