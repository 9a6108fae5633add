import type { Stripe } from "stripe";
import type { Records } from "../records.ts";

/** Stripe API reference, "The PaymentIntent object". Its charge is not simulated: `latest_charge` is null. */
export function paymentIntentAnswer(intent: Records["payment_intent"]): Stripe.PaymentIntent {
  const { id, ...rest } = intent;
  return {
    id,
    object: "payment_intent",
    ...rest,
    ...methods,
    amount_capturable: 0,
    amount_received: intent.amount,
    application_fee_amount: null,
    canceled_at: null,
    capture_method: "automatic_async",
    confirmation_method: "automatic",
    last_payment_error: null,
    latest_charge: null,
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
