import type { Stripe } from "stripe";
import { disputeAnswer } from "./answers/dispute.ts";
import { sessionAnswer } from "./answers/session.ts";
import { subscriptionAnswer } from "./answers/subscription.ts";
import type { ChaosOptions } from "./chaos.ts";
import { completeSession } from "./complete-session.ts";
import type { Context } from "./context.ts";
import { type ClosingStatus, closeDispute, disputeCharge, type OpeningStatus } from "./disputes.ts";
import { applyDue } from "./due.ts";
import { invalid, noSuch, StripeRefusal } from "./errors.ts";
import type { Delivery, WebhookEndpoint } from "./outbox.ts";
import type { Records } from "./records.ts";
import { methodFor, type WantedMethod } from "./session-methods.ts";
import { expireSession, sessionOf } from "./sessions.ts";
import { processingPayment, settlePayment } from "./settle-payment.ts";

/** Who pays without the page. */
export interface QuickBuyer {
  email: string;
  name?: string | undefined;
  /** `card` unless said otherwise; `delayed` is the bank debit of the session's currency. */
  method?: WantedMethod | undefined;
}

/**
 * What people, banks and time do to a Stripe: the methods of a `LocalStripe`, and the routes below `/_control`. Each
 * throws a `StripeRefusal` for what cannot be done.
 */
export interface Controls {
  /** Pays an open session as its page would; one that is complete already stays as it is. */
  pay(sessionId: string, buyer: QuickBuyer): Stripe.Checkout.Session;
  /** Ends an open session. */
  expire(sessionId: string): Stripe.Checkout.Session;
  /** Settles the bank debit of a session, or of a payment intent, that is processing. */
  settleDelayedPayment(sessionOrIntentId: string, outcome: "succeeded" | "failed"): void;
  /** Disputes a charge, given by its id or its payment intent's; `needs_response` and `fraudulent` unless said. */
  disputeCharge(id: string, dispute?: { status?: OpeningStatus; reason?: string }): Stripe.Dispute;
  closeDispute(disputeId: string, status: ClosingStatus): Stripe.Dispute;
  /** From now on a customer's payments are declined, or no more. */
  failPayments(customerId: string, failing?: boolean): void;
  /** Moves the clock forward, for good, and applies what has become due. Returns the time it is, Unix seconds. */
  advanceClock(ms: number): number;
  /** Applies everything that is due by the clock. */
  tick(): void;
  /** Faults on demand, instead of those before; `{}` ends them. */
  chaos(options: ChaosOptions): void;
  /** Sends events there from now on; a URL that is known gets the new secret. */
  addWebhookEndpoint(endpoint: WebhookEndpoint): void;
  /** Every delivery so far, oldest first. */
  deliveries(): Delivery[];
  /** All subscriptions, newest first, as the API shows them. */
  subscriptions(): Stripe.Subscription[];
}

/** The controls of one Stripe. */
export function createControls(context: Context): Controls {
  const { store, clock } = context;
  const now = <T>(work: () => T): T => {
    applyDue(context);
    return store.transaction(work);
  };
  return {
    pay: (id, buyer) => now(() => sessionAnswer(context, pay(context, id, buyer))),
    expire: (id) => now(() => sessionAnswer(context, expireSession(context, id))),
    settleDelayedPayment: (id, outcome) => now(() => settle(context, id, outcome)),
    disputeCharge: (id, { status = "needs_response", reason = "fraudulent" } = {}) =>
      now(() => disputeAnswer(disputeCharge(context, id, { status, reason }))),
    closeDispute: (id, status) => now(() => disputeAnswer(closeDispute(context, id, status))),
    failPayments: (id, failing = true) => now(() => failPayments(context, id, failing)),
    advanceClock: (ms) => {
      clock.advance(ms);
      applyDue(context);
      return context.nowSeconds();
    },
    tick: () => applyDue(context),
    chaos: context.chaos.set,
    addWebhookEndpoint: (endpoint) => store.transaction(() => store.putEndpoint(endpoint)),
    deliveries: store.deliveries,
    subscriptions: () =>
      now(() => store.list("subscription").map((subscription) => subscriptionAnswer(context, subscription))),
  };
}

function pay(context: Context, id: string, { email, name, method = "card" }: QuickBuyer): Records["session"] {
  const session = sessionOf(context, id);
  if (session.status === "expired") {
    throw invalid("This Checkout Session has expired.", { param: "session" });
  }
  if (session.status === "complete") {
    return session;
  }
  checkCard(context, session);
  const paid = completeSession(context, id, { email, name: name ?? null, method: methodFor(session, method) });
  return paid ?? session;
}

/** Throws a `StripeRefusal` when the card of a session's customer is declined. */
function checkCard({ store }: Context, { customer }: Records["session"]): void {
  if (store.get("customer", customer ?? "")?.failing) {
    throw new StripeRefusal(402, {
      type: "card_error",
      code: "card_declined",
      message: "Your card was declined.",
    });
  }
}

function settle(context: Context, id: string, outcome: "succeeded" | "failed"): void {
  const intent = processingPayment(context, id);
  if (intent === undefined) {
    throw invalid(`There is no payment to settle: '${id}'`);
  }
  settlePayment(context, intent, outcome);
}

function failPayments({ store }: Context, id: string, failing: boolean): void {
  const customer = store.get("customer", id);
  if (customer === undefined) {
    throw noSuch("customer", id, "customer", 404);
  }
  store.put("customer", { ...customer, failing });
}
