import type { Stripe } from "stripe";
import type { Context } from "./context.ts";
import { currencyOf } from "./currencies.ts";
import { newId } from "./ids.ts";
import { type Cart, readCart } from "./line-items.ts";
import { mergeMetadata } from "./metadata.ts";
import type { Records } from "./records.ts";
import { checkSession, expiryOf, type SessionMode } from "./session-rules.ts";

type Params = Stripe.Checkout.SessionCreateParams;
type SessionRecord = Records["session"];

/**
 * A new open Checkout Session (Stripe API reference, "Create a Checkout Session"), remembered and returned.
 * Throws a `StripeRefusal` for the first rule broken.
 */
export function createSession(context: Context, params: Params): SessionRecord {
  const mode = checkSession(context, params);
  const made = madeOnCompletion(params);
  const hasTrial = made.trial_period_days !== null || made.trial_end !== null;
  const cart = mode === "setup" ? emptyCart(params) : readCart(context, params, hasTrial);
  const session: SessionRecord = {
    id: newId("cs_test", 58),
    created: context.nowSeconds(),
    metadata: mergeMetadata({}, params.metadata),
    mode,
    status: "open",
    payment_status: mode === "setup" ? "no_payment_required" : "unpaid",
    currency: cart.currency,
    amount_subtotal: mode === "setup" ? null : cart.subtotal,
    amount_discount: cart.discount,
    amount_total: mode === "setup" ? null : cart.total,
    line_items: cart.lines,
    discounts: cart.discounts,
    success_url: params.success_url ?? "",
    cancel_url: params.cancel_url ?? null,
    client_reference_id: params.client_reference_id ?? null,
    ...customerOf(context, params, mode),
    expires_at: expiryOf(context, params.expires_at),
    payment_intent: null,
    setup_intent: null,
    subscription: null,
    invoice: null,
    payment_method_collection: params.payment_method_collection === "if_required" ? "if_required" : "always",
    made,
    echoed: echoedOf(params),
  };
  context.store.put("session", session);
  return session;
}

function emptyCart(params: Params): Cart {
  return { currency: currencyOf(params.currency ?? ""), lines: [], discounts: [], subtotal: 0, discount: 0, total: 0 };
}

function madeOnCompletion({
  payment_intent_data: payment,
  setup_intent_data: setup,
  subscription_data: subscription,
}: Params): SessionRecord["made"] {
  const param = payment ? "payment_intent_data" : "subscription_data";
  const data = payment ?? subscription ?? setup;
  return {
    metadata: mergeMetadata({}, data?.metadata, `${setup ? "setup_intent_data" : param}[metadata]`),
    description: data?.description ?? null,
    receipt_email: payment?.receipt_email ?? null,
    statement_descriptor: payment?.statement_descriptor ?? null,
    trial_period_days: subscription?.trial_period_days ?? null,
    trial_end: subscription?.trial_end ?? null,
  };
}

function customerOf(context: Context, params: Params, mode: SessionMode) {
  const known = params.customer === undefined ? undefined : context.store.get("customer", params.customer);
  const email = known?.email ?? params.customer_email ?? null;
  const creation: SessionRecord["customer_creation"] = params.customer_creation === "always" ? "always" : "if_required";
  return {
    customer: known?.id ?? null,
    customer_creation: mode === "payment" && known === undefined ? creation : null,
    customer_email: params.customer_email ?? null,
    customer_details: email === null ? null : { email, name: known?.name ?? null },
  };
}

function echoedOf(params: Params): SessionRecord["echoed"] {
  return {
    allow_promotion_codes: params.allow_promotion_codes ?? null,
    allowed_payment_method_types: params.allowed_payment_method_types ?? null,
    automatic_tax: params.automatic_tax?.enabled ?? false,
    billing_address_collection: params.billing_address_collection ?? null,
    integration_identifier: params.integration_identifier ?? null,
    locale: params.locale ?? null,
    origin_context: params.origin_context ?? null,
    submit_type: params.submit_type ?? null,
  };
}
