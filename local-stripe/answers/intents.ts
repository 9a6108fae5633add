import type { Stripe } from "stripe";
import type { Records } from "../records.ts";

type IntentRecord = Records["payment_intent"];

/** Stripe API reference, "The PaymentIntent object". */
export function paymentIntentAnswer(intent: IntentRecord): Stripe.PaymentIntent {
  const { id, method, last_payment_error: error, settles_at: _, billing: __, ...rest } = intent;
  const types = [method ?? "card"];
  return {
    id,
    object: "payment_intent",
    ...rest,
    ...methods,
    amount_capturable: 0,
    amount_received: intent.status === "succeeded" ? intent.amount : 0,
    application_fee_amount: null,
    canceled_at: null,
    capture_method: "automatic_async",
    confirmation_method: "automatic",
    last_payment_error: error && errorAnswer(error, types),
    payment_method_options: method === "card" ? methods.payment_method_options : {},
    payment_method_types: types,
    payment_record: null,
    processing: null,
    review: null,
    setup_future_usage: null,
    shipping: null,
    source: null,
    statement_descriptor_suffix: null,
    transfer_data: null,
    transfer_group: null,
  };
}

function errorAnswer(
  { type, code, decline_code, message, charge }: NonNullable<IntentRecord["last_payment_error"]>,
  [payment_method_type]: string[],
): Stripe.PaymentIntent.LastPaymentError {
  return {
    type,
    code,
    message,
    ...(decline_code !== null && { decline_code }),
    ...(charge !== null && { charge }),
    ...(payment_method_type !== undefined && { payment_method_type }),
    doc_url: `https://stripe.com/docs/error-codes/${code.replaceAll("_", "-")}`,
  };
}

/** Stripe API reference, "The SetupIntent object". */
export function setupIntentAnswer(intent: Records["setup_intent"]): Stripe.SetupIntent {
  const { id, ...rest } = intent;
  return {
    id,
    object: "setup_intent",
    ...rest,
    ...methods,
    flow_directions: null,
    last_setup_error: null,
    latest_attempt: null,
    mandate: null,
    single_use_mandate: null,
    usage: "off_session",
  };
}

/** What both kinds of intent say alike: one card, nothing left to do. */
const methods = {
  allowed_payment_method_types: null,
  application: null,
  automatic_payment_methods: null,
  cancellation_reason: null,
  client_secret: null,
  customer_account: null,
  excluded_payment_method_types: null,
  livemode: false,
  managed_payments: null,
  next_action: null,
  on_behalf_of: null,
  payment_method: null,
  payment_method_configuration_details: null,
  payment_method_options: {
    card: { installments: null, mandate_options: null, network: null, request_three_d_secure: "automatic" },
  },
  payment_method_types: ["card"],
};
