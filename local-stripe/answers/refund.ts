import type { Stripe } from "stripe";
import type { Records } from "../records.ts";

/** Stripe API reference, "The Refund object". Every refund succeeds at once, a bank debit's too. */
export function refundAnswer(refund: Records["refund"]): Stripe.Refund {
  const { id, ...rest } = refund;
  return {
    id,
    object: "refund",
    ...rest,
    balance_transaction: null,
    customer: null,
    customer_account: null,
    payment_method: null,
    receipt_number: null,
    source_transfer_reversal: null,
    status: "succeeded",
    transfer_reversal: null,
  };
}
