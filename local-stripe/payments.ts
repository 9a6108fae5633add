import { chargeAnswer } from "./answers/charge.ts";
import { paymentIntentAnswer } from "./answers/intents.ts";
import type { Context } from "./context.ts";
import { emit } from "./events.ts";
import { newId } from "./ids.ts";
import type { Records } from "./records.ts";

type IntentRecord = Records["payment_intent"];
type ChargeRecord = Records["charge"];

/** What a payment is made of. */
export type NewPayment = Pick<
  IntentRecord,
  | "amount"
  | "billing"
  | "currency"
  | "customer"
  | "description"
  | "metadata"
  | "method"
  | "receipt_email"
  | "statement_descriptor"
>;

/**
 * Makes a payment intent and tries to collect it at once (Stripe docs, "How PaymentIntents work"): a card has paid or
 * been declined when this returns, a bank debit is processing.
 */
export function startPayment(context: Context, payment: NewPayment, declined: boolean): IntentRecord {
  const intent: IntentRecord = {
    ...payment,
    id: newId("pi"),
    created: context.nowSeconds(),
    status: "requires_payment_method",
    latest_charge: null,
    last_payment_error: null,
    settles_at: null,
  };
  return attemptPayment(context, intent, declined);
}

/** Tries to collect an intent that wants a payment method; without one it stays as it is. */
export function attemptPayment(context: Context, intent: IntentRecord, declined: boolean): IntentRecord {
  const { method } = intent;
  if (method === null) {
    context.store.put("payment_intent", intent);
    return intent;
  }
  const { amount, currency, customer, description, metadata, receipt_email, statement_descriptor, billing } = intent;
  const paidOrDeclined = declined ? "failed" : "succeeded";
  return conclude(context, intent, {
    // charges of other methods than cards have the prefix of what they once were, payments
    id: newId(method === "card" ? "ch" : "py"),
    created: context.nowSeconds(),
    amount,
    amount_refunded: 0,
    billing,
    currency,
    customer,
    description,
    disputed: false,
    failure_code: null,
    failure_message: null,
    metadata,
    method,
    payment_intent: intent.id,
    receipt_email,
    statement_descriptor,
    status: method === "card" ? paidOrDeclined : "pending",
  });
}

/** What became of a bank debit that was processing. */
export function settleIntent(context: Context, intent: IntentRecord, outcome: "succeeded" | "failed"): IntentRecord {
  const charge = context.store.get("charge", intent.latest_charge ?? "");
  if (intent.status !== "processing" || charge === undefined) {
    throw new Error(`${intent.id} is not processing`);
  }
  return conclude(context, intent, { ...charge, status: outcome });
}

/** The one place where a charge comes to a status, and its intent with it. */
function conclude(context: Context, intent: IntentRecord, tried: ChargeRecord): IntentRecord {
  const charge = { ...tried, ...failureOf(tried) };
  const concluded: IntentRecord = {
    ...intent,
    status: intentStatus[charge.status],
    latest_charge: charge.id,
    last_payment_error: errorOf(charge),
    settles_at: charge.status === "pending" ? settlesAt(context) : null,
  };
  context.store.put("charge", charge);
  context.store.put("payment_intent", concluded);
  emit(context, `charge.${charge.status}`, chargeAnswer(charge));
  emit(context, intentEvent[charge.status], paymentIntentAnswer(concluded));
  return concluded;
}

const intentStatus = { succeeded: "succeeded", pending: "processing", failed: "requires_payment_method" } as const;

const intentEvent = {
  succeeded: "payment_intent.succeeded",
  pending: "payment_intent.processing",
  failed: "payment_intent.payment_failed",
} as const;

function settlesAt({ delayedPaymentMs, nowSeconds }: Context): number | null {
  return delayedPaymentMs === null ? null : nowSeconds() + delayedPaymentMs / 1000;
}

function failureOf({ status, method }: ChargeRecord): Pick<ChargeRecord, "failure_code" | "failure_message"> {
  if (status !== "failed") {
    return { failure_code: null, failure_message: null };
  }
  return method === "card"
    ? { failure_code: "card_declined", failure_message: "Your card was declined." }
    : {
        failure_code: "insufficient_funds",
        failure_message: "The customer's account has insufficient funds to cover this payment.",
      };
}

function errorOf({ id, method, failure_code, failure_message }: ChargeRecord): IntentRecord["last_payment_error"] {
  if (failure_code === null) {
    return null;
  }
  return {
    type: method === "card" ? "card_error" : "invalid_request_error",
    code: failure_code,
    decline_code: method === "card" ? "generic_decline" : null,
    message: failure_message ?? "",
    charge: id,
  };
}
