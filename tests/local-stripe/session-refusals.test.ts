// Past 250 lines: a table, one row a refusal.
import type { Stripe } from "stripe";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStripe, payment, refusal, send, subscription } from "./fixture.ts";

let open: ReturnType<typeof openStripe>;
beforeAll(() => {
  open = openStripe();
});
afterAll(() => open.local.close());

type Params = Stripe.Checkout.SessionCreateParams;

/** What is wrong, the parameters, and the code, param and words of the refusal. */
const refused: [string, (now: number) => Params, { code?: string; param?: string; message?: RegExp }][] = [
  ["no line items", () => ({ ...payment, line_items: undefined }), { code: "parameter_missing", param: "line_items" }],
  ["no mode", () => ({ ...payment, mode: undefined }), { code: "parameter_missing", param: "mode" }],
  [
    "no success_url",
    () => ({ ...payment, success_url: undefined }),
    { code: "parameter_missing", param: "success_url" },
  ],
  [
    "a relative success_url",
    () => ({ ...payment, success_url: "/thanks" }),
    { code: "url_invalid", param: "success_url" },
  ],
  [
    "a script as success_url",
    () => ({ ...payment, success_url: "javascript:alert(1)" }),
    { code: "url_invalid", param: "success_url" },
  ],
  ["a wrong cancel_url", () => ({ ...payment, cancel_url: "shop.test" }), { code: "url_invalid", param: "cancel_url" }],
  [
    "an empty success_url",
    () => ({ ...payment, success_url: "" }),
    { code: "parameter_invalid_empty", param: "success_url" },
  ],
  [
    "an unknown mode",
    () => ({ ...payment, mode: "rent" }),
    { param: "mode", message: /must be one of payment, setup,? or subscription/ },
  ],
  [
    "an unknown price",
    () => ({ ...payment, line_items: [{ price: "price_nope", quantity: 1 }] }),
    { code: "resource_missing", param: "line_items[0][price]", message: /^No such price: 'price_nope'$/ },
  ],
  [
    "an inactive price",
    () => ({ ...payment, line_items: [{ price: "price_old", quantity: 1 }] }),
    { param: "line_items[0][price]", message: /inactive/ },
  ],
  [
    "an inactive product",
    () => ({ ...payment, line_items: [{ price: "price_gone", quantity: 1 }] }),
    { message: /inactive product/ },
  ],
  [
    "a recurring price in payment mode",
    () => ({ ...payment, line_items: subscription.line_items }),
    { param: "line_items[0]", message: /You specified `payment` mode but passed a recurring price/ },
  ],
  [
    "only one-time prices in subscription mode",
    () => ({ ...subscription, line_items: payment.line_items }),
    { message: /at least one recurring price in `subscription` mode/ },
  ],
  [
    "mixed currencies",
    () => ({ ...payment, line_items: [...payment.line_items, { price: "price_book_usd", quantity: 1 }] }),
    {
      param: "line_items[1][price]",
      message: /supports currencies of `usd` which doesn't include the expected currency of `gbp`/,
    },
  ],
  [
    "mixed intervals",
    () => ({ ...subscription, line_items: [...subscription.line_items, { price: "price_yearly", quantity: 1 }] }),
    { message: /different billing intervals/ },
  ],
  [
    "no quantity",
    () => ({ ...payment, line_items: [{ price: "price_book" }] }),
    { param: "line_items[0]", message: /Quantity is required/ },
  ],
  [
    "a quantity of zero",
    () => ({ ...payment, line_items: [{ price: "price_book", quantity: 0 }] }),
    { param: "line_items[0][quantity]" },
  ],
  [
    "half a quantity",
    () => ({ ...payment, line_items: [{ price: "price_book", quantity: 1.5 }] }),
    { code: "parameter_invalid_integer", param: "line_items[0][quantity]", message: /Invalid integer: 1.5/ },
  ],
  [
    "neither price nor price_data",
    () => ({ ...payment, line_items: [{ quantity: 1 }] }),
    { param: "line_items[0][price]" },
  ],
  [
    "too small an amount",
    () => ({ ...payment, line_items: [{ price: "price_pin", quantity: 1 }] }),
    { code: "amount_too_small", message: /£0\.30 gbp/ },
  ],
  [
    "a trial in payment mode",
    () => ({ ...payment, subscription_data: { trial_period_days: 7 } }),
    { param: "subscription_data", message: /can not pass `subscription_data` in `payment` mode/ },
  ],
  [
    "payment data in subscription mode",
    () => ({ ...subscription, payment_intent_data: { description: "x" } }),
    { param: "payment_intent_data" },
  ],
  [
    "a trial of no days",
    () => ({ ...subscription, subscription_data: { trial_period_days: 0 } }),
    { param: "subscription_data[trial_period_days]" },
  ],
  [
    "a trial said twice",
    (now) => ({ ...subscription, subscription_data: { trial_period_days: 3, trial_end: now + 259_200 } }),
    { message: /only specify one of these parameters/ },
  ],
  [
    "too early an expiry",
    (now) => ({ ...payment, expires_at: now + 1799 }),
    { param: "expires_at", message: /at least 30 minutes/ },
  ],
  [
    "too late an expiry",
    (now) => ({ ...payment, expires_at: now + 86_401 }),
    { param: "expires_at", message: /less than 24 hours/ },
  ],
  [
    "51 metadata keys",
    () => ({ ...payment, metadata: keys(51) }),
    { param: "metadata", message: /up to 50 keys, but you've set 51/ },
  ],
  [
    "a long metadata key",
    () => ({ ...payment, metadata: { ["k".repeat(41)]: "v" } }),
    { param: "metadata", message: /41 characters/ },
  ],
  [
    "a long metadata value",
    () => ({ ...payment, metadata: { k: "v".repeat(501) } }),
    { param: "metadata", message: /501 characters/ },
  ],
  [
    "customer and e-mail",
    () => ({ ...payment, customer: "cus_1", customer_email: "a@b.example" }),
    { param: "customer" },
  ],
  ["an unknown customer", () => ({ ...payment, customer: "cus_1" }), { code: "resource_missing", param: "customer" }],
  [
    "no e-mail address",
    () => ({ ...payment, customer_email: "reader" }),
    { code: "email_invalid", param: "customer_email" },
  ],
  [
    "an unknown coupon",
    () => ({ ...payment, discounts: [{ coupon: "NOPE" }] }),
    { code: "resource_missing", param: "discounts[0][coupon]" },
  ],
  [
    "an unknown promotion code",
    () => ({ ...payment, discounts: [{ promotion_code: "promo_nope" }] }),
    { code: "resource_missing", param: "discounts[0][promotion_code]" },
  ],
  [
    "a coupon in another currency",
    () => ({ ...payment, discounts: [{ coupon: "BUCK" }] }),
    { message: /doesn't match the currency/ },
  ],
  [
    "two discounts",
    () => ({ ...payment, discounts: [{ coupon: "TWENTY" }, { coupon: "FREE" }] }),
    { param: "discounts" },
  ],
  [
    "discounts and codes",
    () => ({ ...payment, allow_promotion_codes: true, discounts: [{ coupon: "FREE" }] }),
    { param: "allow_promotion_codes" },
  ],
  [
    "an embedded page",
    () => ({ ...payment, ui_mode: "embedded_page" }),
    { param: "ui_mode", message: /does not simulate/ },
  ],
  [
    "shipping",
    () => ({ ...payment, shipping_options: [{ shipping_rate: "shr_1" }] }),
    { param: "shipping_options", message: /does not simulate/ },
  ],
  [
    "a setup without currency",
    () => ({ mode: "setup", success_url: "https://shop.test/" }),
    { code: "parameter_missing", param: "currency" },
  ],
];

function keys(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`key${index}`, "v"]));
}

describe("a new session is refused with", () => {
  test.for(refused)("%s", async ([, params, expected]) => {
    const { stripe, clock, local } = open;
    const before = local.sessions().length;
    const error = await refusal(stripe.checkout.sessions.create(params(clock.seconds())));
    expect(error).toMatchObject({ statusCode: 400, type: "StripeInvalidRequestError" });
    expect({ code: error.code, param: error.param }).toMatchObject({
      ...(expected.code && { code: expected.code }),
      ...(expected.param && { param: expected.param }),
    });
    expect(error.message).toMatch(expected.message ?? /./);
    expect(error.requestId).toMatch(/^req_/);
    expect(local.sessions()).toHaveLength(before);
  });
});

const forms: [string, string, { code?: string; param?: string; message?: string }][] = [
  [
    "an unknown parameter",
    "colour=red",
    { code: "parameter_unknown", param: "colour", message: "Received unknown parameter: colour" },
  ],
  [
    "a nested unknown parameter",
    "line_items[0][colour]=red",
    { code: "parameter_unknown", param: "line_items[0][colour]" },
  ],
  ["an unknown parameter called __proto__", "__proto__[x]=1", { code: "parameter_unknown", param: "__proto__" }],
  [
    "a word for an integer",
    "expires_at=soon",
    { code: "parameter_invalid_integer", param: "expires_at", message: "Invalid integer: soon" },
  ],
  [
    "a word for a boolean",
    "allow_promotion_codes=perhaps",
    { param: "allow_promotion_codes", message: "Invalid boolean: perhaps" },
  ],
  ["a value for an array", "line_items=price_book", { param: "line_items", message: "Invalid array: price_book" }],
  ["a value for an object", "metadata=x", { param: "metadata", message: "Invalid object: x" }],
  ["an object for a value", "success_url[a]=x", { param: "success_url" }],
  ["metadata within metadata", "metadata[a][b]=x", { param: "metadata[a]" }],
  ["an array with a hole for a name", "line_items[first][price]=price_book", { param: "line_items" }],
  ["a value that is an object too", "metadata=x&metadata[a]=b", { param: "metadata[a]" }],
  ["unbalanced brackets", "metadata[a=x", { param: "metadata[a" }],
  [
    "a missing required member",
    "automatic_tax[liability][type]=self",
    { code: "parameter_missing", param: "automatic_tax[enabled]" },
  ],
];

test.for(forms)("a form is refused with %s", async ([, body, error]) => {
  const answer = await send(open.local, "POST", "/v1/checkout/sessions", { body });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { type: "invalid_request_error", ...error } });
});

test("indices may come in any order", async () => {
  const body =
    "mode=payment&success_url=https://shop.test/&line_items[1][price]=price_pin&line_items[1][quantity]=1&line_items[0][price]=price_book&line_items[0][quantity]=2&expand[]=line_items";
  const answer = await send(open.local, "POST", "/v1/checkout/sessions", { body });
  expect(await answer.json()).toMatchObject({
    amount_total: 3018,
    line_items: { data: [{ price: { id: "price_book" } }, { price: { id: "price_pin" } }] },
  });
});
