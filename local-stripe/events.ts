import { Stripe } from "stripe";
import type { Context } from "./context.ts";
import { newId } from "./ids.ts";

/** The types of event there are here. */
export type EventType = (typeof eventTypes)[number];

type EventOf<T extends EventType> = Extract<Stripe.Event, { type: T }>;

/** The API version of the installed stripe-node, and so of every answer and event. */
export const apiVersion: string = Stripe.API_VERSION;

/** See `EventType`. */
export const eventTypes = [
  "charge.dispute.closed",
  "charge.dispute.created",
  "charge.dispute.funds_reinstated",
  "charge.dispute.funds_withdrawn",
  "charge.dispute.updated",
  "charge.failed",
  "charge.pending",
  "charge.refunded",
  "charge.succeeded",
  "checkout.session.async_payment_failed",
  "checkout.session.async_payment_succeeded",
  "checkout.session.completed",
  "checkout.session.expired",
  "customer.subscription.created",
  "customer.subscription.deleted",
  "customer.subscription.updated",
  "invoice.paid",
  "invoice.payment_failed",
  "invoice_payment.paid",
  "payment_intent.payment_failed",
  "payment_intent.processing",
  "payment_intent.succeeded",
  "refund.created",
] as const satisfies Stripe.Event["type"][];

/**
 * Remembers that something happened, with the object as it is now, and puts it in the outbox of every endpoint that
 * wants its type (Stripe API reference, "Events"). To be called in the transaction of the change itself.
 */
export function emit<T extends EventType>(
  context: Context,
  type: T,
  object: EventOf<T>["data"]["object"],
  previous?: EventOf<T>["data"]["previous_attributes"],
): void {
  const { store, clock, chaos } = context;
  const interested = store.endpoints().filter(({ enabledEvents = ["*"] }) => wants(enabledEvents, type));
  const event: Stripe.EventBase = {
    id: newId("evt"),
    object: "event",
    api_version: apiVersion,
    created: context.nowSeconds(),
    data: { object, ...(previous !== undefined && { previous_attributes: previous }) },
    livemode: false,
    pending_webhooks: interested.length,
    request: context.request,
    type,
  };
  store.addEvent({ id: event.id, type, created: event.created, body: JSON.stringify(event) });
  for (const { url } of interested) {
    const { copies, delayMs } = chaos.webhookFate();
    const dueAtMs = clock.nowMs() + delayMs;
    for (let copy = 0; copy < copies; copy++) {
      store.addDelivery({ event: event.id, url, state: "pending", dueAtMs });
    }
    if (copies === 0) {
      store.addDelivery({ event: event.id, url, state: "lost", dueAtMs: null });
    }
  }
}

/** The members that a change has changed, as they were before: `previous_attributes`. */
export function previousOf<T extends object>(before: T, after: T): Partial<T> {
  const changed: Partial<T> = {};
  for (const key in before) {
    if (JSON.stringify(before[key]) !== JSON.stringify(after[key])) {
      changed[key] = before[key];
    }
  }
  return changed;
}

function wants(enabled: readonly string[], type: string): boolean {
  return enabled.includes("*") || enabled.includes(type);
}
