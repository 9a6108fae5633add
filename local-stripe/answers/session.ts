import type { Stripe } from "stripe";
import type { Context } from "../context.ts";
import type { LineItemRecord, Records } from "../records.ts";
import { sessionMethods } from "../session-methods.ts";
import { priceAnswer } from "./price.ts";

/** Stripe API reference, "The Checkout Session object". `url` is there while the session is open. */
export function sessionAnswer(context: Context, session: Records["session"]): Stripe.Checkout.Session {
  const { echoed } = session;
  return {
    ...absent,
    id: session.id,
    object: "checkout.session",
    allow_promotion_codes: echoed.allow_promotion_codes,
    allowed_payment_method_types: echoed.allowed_payment_method_types,
    amount_subtotal: session.amount_subtotal,
    amount_total: session.amount_total,
    automatic_tax: { enabled: echoed.automatic_tax, liability: null, provider: null, status: null },
    billing_address_collection: echoed.billing_address_collection,
    cancel_url: session.cancel_url,
    client_reference_id: session.client_reference_id,
    created: session.created,
    currency: session.currency,
    customer: session.customer,
    customer_creation: session.customer_creation,
    customer_details: session.customer_details && {
      ...session.customer_details,
      address: null,
      business_name: null,
      individual_name: null,
      phone: null,
      tax_exempt: "none",
      tax_ids: null,
    },
    customer_email: session.customer_email,
    discounts: session.discounts.map(({ coupon, promotion_code }) =>
      promotion_code === null ? { coupon, promotion_code } : { coupon: null, promotion_code },
    ),
    expires_at: session.expires_at,
    integration_identifier: echoed.integration_identifier,
    invoice: session.invoice,
    invoice_creation: session.mode === "payment" ? noInvoice : null,
    locale: echoed.locale,
    metadata: session.metadata,
    mode: session.mode,
    origin_context: echoed.origin_context,
    payment_intent: session.payment_intent,
    payment_method_collection: session.mode === "payment" ? "if_required" : session.payment_method_collection,
    payment_method_types: sessionMethods(session),
    payment_status: session.payment_status,
    setup_intent: session.setup_intent,
    status: session.status,
    submit_type: echoed.submit_type,
    subscription: session.subscription,
    success_url: session.success_url,
    total_details:
      session.mode === "setup" ? null : { amount_discount: session.amount_discount, amount_shipping: 0, amount_tax: 0 },
    url: session.status === "open" ? hostedUrl(context, session.id) : null,
  };
}

/** The hosted page of a session. */
export function hostedUrl(context: Context, sessionId: string): string {
  return `${context.publicUrl()}/c/pay/${sessionId}`;
}

/** Stripe API reference, "The Line Item object" of Checkout. */
export function lineItemAnswer(context: Context, item: LineItemRecord): Stripe.LineItem {
  const price = context.store.get("price", item.price);
  return {
    id: item.id,
    object: "item",
    adjustable_quantity: null,
    amount_discount: item.amount_discount,
    amount_subtotal: item.amount_subtotal,
    amount_tax: 0,
    amount_total: item.amount_total,
    currency: item.currency,
    description: item.description,
    metadata: item.metadata,
    price: price === undefined ? null : priceAnswer(price),
    quantity: item.quantity,
  };
}

const noInvoice = {
  enabled: false,
  invoice_data: {
    account_tax_ids: null,
    custom_fields: null,
    description: null,
    footer: null,
    issuer: null,
    metadata: {},
    rendering_options: null,
  },
};

/** What no session here ever has. */
const absent = {
  adaptive_pricing: { enabled: false },
  after_expiration: null,
  client_secret: null,
  collected_information: null,
  consent: null,
  consent_collection: null,
  currency_conversion: null,
  custom_fields: [],
  custom_text: { after_submit: null, shipping_address: null, submit: null, terms_of_service_acceptance: null },
  customer_account: null,
  livemode: false,
  managed_payments: null,
  payment_link: null,
  payment_method_configuration_details: null,
  payment_method_options: { card: { request_three_d_secure: "automatic" } },
  permissions: null,
  phone_number_collection: { enabled: false },
  recovered_from: null,
  saved_payment_method_options: null,
  shipping_address_collection: null,
  shipping_cost: null,
  shipping_options: [],
  ui_mode: "hosted_page",
  wallet_options: null,
} satisfies Partial<Stripe.Checkout.Session>;
