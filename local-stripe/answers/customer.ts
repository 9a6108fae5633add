import type { Stripe } from "stripe";
import type { Records } from "../records.ts";

/** Stripe API reference, "The Customer object". */
export function customerAnswer(customer: Records["customer"]): Stripe.Customer {
  const { id, failing: _, ...rest } = customer;
  return {
    id,
    object: "customer",
    ...rest,
    address: null,
    balance: 0,
    currency: null,
    customer_account: null,
    default_source: null,
    delinquent: false,
    discount: null,
    invoice_settings: { custom_fields: null, default_payment_method: null, footer: null, rendering_options: null },
    livemode: false,
    preferred_locales: [],
    shipping: null,
    tax_exempt: "none",
    test_clock: null,
  };
}
