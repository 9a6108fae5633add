import type { Stripe } from "stripe";
import type { MethodType } from "../payment-methods.ts";

/** What a charge says of the way it was paid: every card is the same one here, and every bank account. */
export function methodDetails(type: MethodType, amount: number): Stripe.Charge.PaymentMethodDetails {
  switch (type) {
    case "card":
      return { type, card: { ...card, amount_authorized: amount } };
    case "bacs_debit":
      return { type, bacs_debit: { fingerprint: null, last4: "2345", mandate: null, sort_code: "108800" } };
    case "sepa_debit":
      return { type, sepa_debit: sepa };
    case "us_bank_account":
      return { type, us_bank_account: usBank };
  }
}

const card = {
  authorization_code: null,
  brand: "visa",
  checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: "pass" },
  country: "US",
  electronic_commerce_indicator: null,
  exp_month: 12,
  exp_year: 2034,
  fingerprint: null,
  funding: "credit",
  installments: null,
  last4: "4242",
  mandate: null,
  network: "visa",
  network_transaction_id: null,
  regulated_status: "unregulated",
  three_d_secure: null,
  transaction_link_id: null,
  wallet: null,
} satisfies Partial<Stripe.Charge.PaymentMethodDetails.Card>;

const sepa: Stripe.Charge.PaymentMethodDetails.SepaDebit = {
  bank_code: "37040044",
  branch_code: null,
  country: "DE",
  fingerprint: null,
  last4: "3000",
  mandate: null,
};

const usBank: Stripe.Charge.PaymentMethodDetails.UsBankAccount = {
  account_holder_type: "individual",
  account_type: "checking",
  bank_name: "STRIPE TEST BANK",
  fingerprint: null,
  last4: "6789",
  payment_reference: null,
  routing_number: "110000000",
};
