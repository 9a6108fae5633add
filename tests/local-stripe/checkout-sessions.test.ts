// Past 250 lines: one resource, from creation to expiry.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { catalogue, openStripe, payment, submit, subscription } from "./fixture.ts";

let open: ReturnType<typeof openStripe>;
beforeEach(() => {
  open = openStripe();
});
afterEach(() => open.local.close());

describe("payment mode", () => {
  test("a new session is open and has a hosted page", async () => {
    const { stripe, clock } = open;
    const session = await stripe.checkout.sessions.create({
      ...payment,
      client_reference_id: "red_1",
      metadata: { redemption: "red_1", count: 2 },
      customer_email: "reader@example.com",
    });
    expect(session.id).toMatch(/^cs_test_[0-9A-Za-z]{50,}$/);
    expect(session).toMatchObject({
      object: "checkout.session",
      status: "open",
      payment_status: "unpaid",
      amount_subtotal: 1499,
      amount_total: 1499,
      currency: "gbp",
      client_reference_id: "red_1",
      metadata: { redemption: "red_1", count: "2" },
      customer_email: "reader@example.com",
      payment_intent: null,
      livemode: false,
      url: `http://checkout.test/c/pay/${session.id}`,
      expires_at: clock.seconds() + 86_400,
    });
  });

  test("a paid session has a payment intent with the data it was given", async () => {
    const { stripe, local } = open;
    const { id, url } = await stripe.checkout.sessions.create({
      ...payment,
      payment_intent_data: { metadata: { redemption: "red_1" }, description: "The book" },
    });
    await submit(local, url);
    const session = await stripe.checkout.sessions.retrieve(id, { expand: ["payment_intent", "line_items"] });
    expect(session).toMatchObject({
      status: "complete",
      payment_status: "paid",
      url: null,
      customer: null,
      customer_details: { email: "reader@example.com", name: "Ada Reader" },
      payment_intent: {
        object: "payment_intent",
        amount: 1499,
        amount_received: 1499,
        status: "succeeded",
        metadata: { redemption: "red_1" },
      },
      line_items: { data: [{ description: "Crossword Annual", quantity: 1, price: { id: "price_book" } }] },
    });
  });

  test("customer_creation: always makes a customer", async () => {
    const { stripe, local } = open;
    const { id, url } = await stripe.checkout.sessions.create({ ...payment, customer_creation: "always" });
    await submit(local, url);
    const { customer } = await stripe.checkout.sessions.retrieve(id, { expand: ["customer"] });
    expect(customer).toMatchObject({ object: "customer", email: "reader@example.com", name: "Ada Reader" });
  });

  test("an inline price makes its product", async () => {
    const price_data = { currency: "eur", unit_amount: 250, product_data: { name: "Single issue" } };
    const session = await open.stripe.checkout.sessions.create({
      ...payment,
      line_items: [{ price_data, quantity: 3 }],
    });
    expect(session).toMatchObject({ amount_total: 750, currency: "eur" });
    const { data } = await open.stripe.checkout.sessions.listLineItems(session.id);
    expect(data).toMatchObject([{ description: "Single issue", quantity: 3, amount_total: 750 }]);
  });
});

describe("discounts", () => {
  test("a coupon takes its percentage off every line", async () => {
    const line_items = [
      { price: "price_book", quantity: 1 },
      { price: "price_pin", quantity: 5 },
    ];
    const session = await open.stripe.checkout.sessions.create({
      ...payment,
      line_items,
      discounts: [{ coupon: "TWENTY" }],
    });
    expect(session).toMatchObject({
      amount_subtotal: 1599,
      amount_total: 1279,
      total_details: { amount_discount: 320 },
    });
    expect(session.discounts).toEqual([{ coupon: "TWENTY", promotion_code: null }]);
  });

  test("an amount is shared out to the last penny", async () => {
    const line_items = [
      { price: "price_book", quantity: 1 },
      { price: "price_pin", quantity: 1 },
      { price: "price_pin", quantity: 1 },
    ];
    const session = await open.stripe.checkout.sessions.create({
      ...payment,
      line_items,
      discounts: [{ coupon: "TENNER" }],
      expand: ["line_items"],
    });
    expect(session.amount_total).toBe(539);
    expect(session.line_items?.data.reduce((sum, line) => sum + line.amount_discount, 0)).toBe(1000);
  });

  test("a promotion code counts once it has been paid with", async () => {
    const { stripe, local } = open;
    const { url } = await stripe.checkout.sessions.create({
      ...payment,
      discounts: [{ promotion_code: "promo_hello" }],
    });
    expect((await stripe.promotionCodes.retrieve("promo_hello")).times_redeemed).toBe(0);
    await submit(local, url);
    expect((await stripe.promotionCodes.retrieve("promo_hello")).times_redeemed).toBe(1);
    local.putCatalogue(catalogue);
    expect((await stripe.promotionCodes.retrieve("promo_hello")).times_redeemed).toBe(1);
    expect((await stripe.coupons.retrieve("TWENTY")).times_redeemed).toBe(1);
  });

  test("nothing left to pay needs no payment and no card", async () => {
    const { stripe, local } = open;
    const { id, url } = await stripe.checkout.sessions.create({ ...payment, discounts: [{ coupon: "FREE" }] });
    const paid = await submit(local, url, { email: "reader@example.com" });
    expect(paid.status).toBe(303);
    const session = await stripe.checkout.sessions.retrieve(id);
    expect(session).toMatchObject({ status: "complete", payment_status: "no_payment_required", payment_intent: null });
  });
});

describe("subscription mode", () => {
  test("a paid session has a customer and an active subscription to the end of the month", async () => {
    const { stripe, local } = open;
    const { id, url } = await stripe.checkout.sessions.create({
      ...subscription,
      subscription_data: { metadata: { plan: "monthly" } },
    });
    await submit(local, url);
    const session = await stripe.checkout.sessions.retrieve(id, { expand: ["subscription", "customer"] });
    expect(session).toMatchObject({
      payment_status: "paid",
      payment_intent: null,
      customer: { email: "reader@example.com" },
      subscription: {
        status: "active",
        metadata: { plan: "monthly" },
        items: { data: [{ price: { id: "price_monthly" }, current_period_end: Date.UTC(2026, 1, 28, 12) / 1000 }] },
      },
    });
  });

  test("a trial costs nothing today", async () => {
    const { stripe, local, clock } = open;
    const { id, url } = await stripe.checkout.sessions.create({
      ...subscription,
      subscription_data: { trial_period_days: 10 },
    });
    await submit(local, url);
    const session = await stripe.checkout.sessions.retrieve(id, { expand: ["subscription"] });
    expect(session).toMatchObject({
      amount_total: 0,
      payment_status: "no_payment_required",
      subscription: { status: "trialing", trial_end: clock.seconds() + 10 * 86_400 },
    });
  });

  test("a trial that asks for no card needs none", async () => {
    const { stripe, local } = open;
    const { id, url } = await stripe.checkout.sessions.create({
      ...subscription,
      subscription_data: { trial_period_days: 10 },
      payment_method_collection: "if_required",
    });
    expect(await (await local.app.request(url ?? "")).text()).not.toContain('name="number"');
    expect((await submit(local, url, { email: "reader@example.com" })).status).toBe(303);
    expect(await stripe.checkout.sessions.retrieve(id)).toMatchObject({ status: "complete" });
  });

  test("a one-time price may stand beside a recurring one", async () => {
    const line_items = [...subscription.line_items, { price: "price_book", quantity: 1 }];
    const session = await open.stripe.checkout.sessions.create({ ...subscription, line_items });
    expect(session.amount_total).toBe(2499);
  });
});

test("setup mode saves a card", async () => {
  const { stripe, local } = open;
  const { id, url } = await stripe.checkout.sessions.create({
    mode: "setup",
    currency: "gbp",
    success_url: "https://shop.test/",
  });
  await submit(local, url);
  const session = await stripe.checkout.sessions.retrieve(id, { expand: ["setup_intent"] });
  expect(session).toMatchObject({
    status: "complete",
    payment_status: "no_payment_required",
    setup_intent: { status: "succeeded" },
  });
});

describe("expiry", () => {
  test("expire ends an open session, once", async () => {
    const { id } = await open.stripe.checkout.sessions.create(payment);
    expect(await open.stripe.checkout.sessions.expire(id)).toMatchObject({ status: "expired", url: null });
    await expect(open.stripe.checkout.sessions.expire(id)).rejects.toMatchObject({ statusCode: 400 });
  });

  test("a session ends when its time has come", async () => {
    const { stripe, clock } = open;
    const { id } = await stripe.checkout.sessions.create({ ...payment, expires_at: clock.seconds() + 1800 });
    clock.advance(1799);
    expect((await stripe.checkout.sessions.retrieve(id)).status).toBe("open");
    clock.advance(1);
    expect((await stripe.checkout.sessions.retrieve(id)).status).toBe("expired");
  });
});

describe("lists", () => {
  test("sessions come newest first, in pages", async () => {
    const made: string[] = [];
    for (let index = 0; index < 5; index++) {
      made.unshift((await open.stripe.checkout.sessions.create(payment)).id);
    }
    const first = await open.stripe.checkout.sessions.list({ limit: 2 });
    expect(first).toMatchObject({ object: "list", url: "/v1/checkout/sessions", has_more: true });
    expect(first.data.map(({ id }) => id)).toEqual(made.slice(0, 2));
    const rest = await open.stripe.checkout.sessions.list({ limit: 3, starting_after: made[1] ?? "" });
    expect(rest.has_more).toBe(false);
    expect(rest.data.map(({ id }) => id)).toEqual(made.slice(2));
    const back = await open.stripe.checkout.sessions.list({ limit: 2, ending_before: made[4] ?? "" });
    expect(back.data.map(({ id }) => id)).toEqual(made.slice(2, 4));
    const all = await open.stripe.checkout.sessions.list({ limit: 2 }).autoPagingToArray({ limit: 100 });
    expect(all.map(({ id }) => id)).toEqual(made);
  });

  test("filters by status and by payment intent, and expands in lists", async () => {
    const { stripe, local } = open;
    await stripe.checkout.sessions.create(payment);
    const { id, url } = await stripe.checkout.sessions.create(payment);
    await submit(local, url);
    const { data } = await stripe.checkout.sessions.list({ status: "complete", expand: ["data.payment_intent"] });
    expect(data).toMatchObject([{ id, payment_intent: { object: "payment_intent" } }]);
    const { payment_intent } = await stripe.checkout.sessions.retrieve(id);
    const found = await stripe.checkout.sessions.list({ payment_intent: String(payment_intent) });
    expect(found.data).toHaveLength(1);
  });
});
