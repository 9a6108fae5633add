import type { Stripe } from "stripe";
import type { Records } from "../records.ts";

/** Stripe API reference, "The Account object", as `GET /v1/account` gives one's own. */
export function accountAnswer(account: Records["account"]): Stripe.Account {
  return {
    id: account.id,
    object: "account",
    charges_enabled: true,
    country: account.country,
    created: account.created,
    details_submitted: true,
    email: null,
    payouts_enabled: false,
    settings: null,
    type: "standard",
  };
}
