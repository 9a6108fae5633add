import type { Stripe } from "stripe";
import type { Records } from "../records.ts";
import { methodDetails } from "./method-details.ts";

type ChargeRecord = Records["charge"];

/** Stripe API reference, "The Charge object". Balance transactions and receipts are not simulated. */
export function chargeAnswer(charge: ChargeRecord): Stripe.Charge {
  const { id, billing, method, ...rest } = charge;
  return {
    id,
    object: "charge",
    ...rest,
    ...absent,
    amount_captured: charge.status === "failed" ? 0 : charge.amount,
    billing_details: { address: null, email: billing.email, name: billing.name, phone: null, tax_id: null },
    calculated_statement_descriptor: charge.statement_descriptor ?? "LOCAL STRIPE",
    captured: charge.status !== "failed",
    outcome: outcomeOf(charge),
    paid: charge.status === "succeeded",
    payment_method_details: methodDetails(method, charge.amount),
    refunded: charge.amount_refunded > 0 && charge.amount_refunded === charge.amount,
  };
}

function outcomeOf({ status, method }: ChargeRecord): Stripe.Charge.Outcome {
  const declined = status === "failed" && method === "card";
  return {
    advice_code: declined ? "try_again_later" : null,
    network_advice_code: null,
    network_decline_code: null,
    network_status: declined ? "declined_by_network" : "approved_by_network",
    reason: declined ? "generic_decline" : null,
    risk_level: method === "card" ? "normal" : "not_assessed",
    seller_message: declined ? "The bank did not return any further details with this decline." : "Payment complete.",
    type: declined ? "issuer_declined" : "authorized",
  };
}

/** What no charge here ever has. */
const absent = {
  application: null,
  application_fee: null,
  application_fee_amount: null,
  balance_transaction: null,
  failure_balance_transaction: null,
  fraud_details: {},
  livemode: false,
  on_behalf_of: null,
  payment_method: null,
  receipt_number: null,
  receipt_url: null,
  review: null,
  shipping: null,
  source: null,
  source_transfer: null,
  statement_descriptor_suffix: null,
  transfer_data: null,
  transfer_group: null,
} satisfies Partial<Stripe.Charge>;
