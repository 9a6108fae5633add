import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { catalogue, openStripe, refusal } from "./fixture.ts";

let open: ReturnType<typeof openStripe>;
beforeEach(() => {
  open = openStripe();
});
afterEach(() => open.local.close());

test("a catalogue has the ids it was given, and putting it again changes nothing", async () => {
  const { stripe, local, clock } = open;
  const before = await stripe.prices.list({ limit: 100 });
  clock.advance(1000);
  local.putCatalogue(catalogue);
  expect((await stripe.prices.list({ limit: 100 })).data).toEqual(before.data);
  expect(await stripe.accounts.retrieveCurrent()).toMatchObject({ id: "acct_demo", object: "account" });
});

describe("products", () => {
  test("are made, changed, filtered and put away", async () => {
    const { products } = open.stripe;
    const made = await products.create({ name: "Poster", description: "A1", metadata: { a: "1", b: "2" } });
    expect(made).toMatchObject({ object: "product", active: true, metadata: { a: "1", b: "2" } });
    const changed = await products.update(made.id, { description: "", metadata: { a: "" }, active: false });
    expect(changed).toMatchObject({ description: null, metadata: { b: "2" }, active: false });
    expect((await products.list({ active: false })).data.map(({ id }) => id)).toEqual([made.id, "prod_gone"]);
  });

  test("with an id that is taken are refused", async () => {
    const error = await refusal(open.stripe.products.create({ id: "prod_book", name: "Again" }));
    expect(error).toMatchObject({ statusCode: 400, code: "resource_already_exists" });
  });
});

describe("prices", () => {
  test("are one-time or recurring, and give decimals as the client expects", async () => {
    const { prices } = open.stripe;
    const once = await prices.create({ currency: "EUR", unit_amount: 500, product: "prod_book" });
    expect(once).toMatchObject({ type: "one_time", recurring: null, currency: "eur" });
    expect(once.unit_amount_decimal?.toString()).toBe("500");
    const yearly = await prices.create({
      currency: "eur",
      unit_amount: 500,
      product_data: { name: "Yearbook" },
      recurring: { interval: "year" },
      lookup_key: "yearbook",
    });
    expect(yearly).toMatchObject({
      type: "recurring",
      recurring: { interval: "year", interval_count: 1, usage_type: "licensed" },
    });
    expect((await prices.list({ lookup_keys: ["yearbook"] })).data.map(({ id }) => id)).toEqual([yearly.id]);
    expect((await prices.list({ type: "recurring", limit: 100 })).data).toHaveLength(3);
    expect((await prices.update(yearly.id, { active: false })).active).toBe(false);
  });

  test.for([
    [{ currency: "gbp", product: "prod_book" }, "unit_amount"],
    [{ currency: "gbp", unit_amount: -1, product: "prod_book" }, "unit_amount"],
    [{ currency: "gbp", unit_amount: 1.5, product: "prod_book" }, "unit_amount"],
    [{ currency: "xxz", unit_amount: 1, product: "prod_book" }, "currency"],
    [{ currency: "gbp", unit_amount: 1, product: "prod_nope" }, "product"],
    [{ currency: "gbp", unit_amount: 1 }, "product"],
    [
      { currency: "gbp", unit_amount: 1, product: "prod_book", recurring: { interval: "century" } },
      "recurring[interval]",
    ],
    [
      { currency: "gbp", unit_amount: 1, product: "prod_book", recurring: { interval: "year", interval_count: 4 } },
      "recurring[interval_count]",
    ],
    [{ currency: "gbp", unit_amount: 1, product: "prod_book", tiers_mode: "volume" }, "tiers_mode"],
  ] as const)("made of %o are refused for %s", async ([params, param]) => {
    expect(await refusal(open.stripe.prices.create(params))).toMatchObject({ statusCode: 400, param });
  });
});

describe("coupons and promotion codes", () => {
  test("are valid until they are used up or out of time", async () => {
    const { stripe, clock } = open;
    const coupon = await stripe.coupons.create({
      percent_off: 12.5,
      duration: "once",
      redeem_by: clock.seconds() + 60,
    });
    expect(coupon).toMatchObject({ percent_off: 12.5, valid: true });
    const code = await stripe.promotionCodes.create({ promotion: { type: "coupon", coupon: coupon.id }, code: "SOON" });
    expect((await stripe.promotionCodes.list({ code: "soon" })).data.map(({ id }) => id)).toEqual([code.id]);
    clock.advance(60);
    expect((await stripe.coupons.retrieve(coupon.id)).valid).toBe(false);
    const line_items = [{ price: "price_book", quantity: 1 }];
    const session = {
      mode: "payment",
      success_url: "https://shop.test/",
      line_items,
      discounts: [{ promotion_code: code.id }],
    } as const;
    const error = await refusal(
      stripe.checkout.sessions.create({ ...session, line_items, discounts: [{ promotion_code: code.id }] }),
    );
    expect(error.code).toBe("coupon_expired");
  });

  test("are refused when they contradict themselves", async () => {
    const { coupons, promotionCodes } = open.stripe;
    const errors = await Promise.all(
      [
        coupons.create({ percent_off: 10, amount_off: 10, currency: "gbp" }),
        coupons.create({ duration: "once" }),
        coupons.create({ percent_off: 101 }),
        coupons.create({ amount_off: 100 }),
        coupons.create({ percent_off: 10, duration: "repeating" }),
        promotionCodes.create({ promotion: { type: "coupon", coupon: "NOPE" } }),
        promotionCodes.create({ promotion: { type: "coupon", coupon: "TWENTY" }, code: "hello" }),
      ].map(refusal),
    );
    expect(errors.map(({ param }) => param)).toEqual([
      "amount_off",
      "percent_off",
      "percent_off",
      "currency",
      "duration_in_months",
      "promotion[coupon]",
      "code",
    ]);
  });
});

test("a known customer is prefilled and kept", async () => {
  const { stripe, local } = open;
  const customer = await stripe.customers.create({ email: "ada@example.com", name: "Ada" });
  const { id, url } = await stripe.checkout.sessions.create({
    mode: "subscription",
    line_items: [{ price: "price_monthly", quantity: 1 }],
    success_url: "https://shop.test/",
    customer: customer.id,
  });
  expect(await (await local.app.request(url ?? "")).text()).toContain('value="ada@example.com"');
  expect((await stripe.checkout.sessions.list({ customer: customer.id })).data.map((session) => session.id)).toEqual([
    id,
  ]);
  expect((await stripe.customers.list({ email: "ada@example.com" })).data).toHaveLength(1);
});
