import type { Stripe } from "stripe";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { goodCard, openStripe, payment, submit, subscription } from "./fixture.ts";

let open: ReturnType<typeof openStripe>;
beforeEach(() => {
  open = openStripe();
});
afterEach(() => open.local.close());

async function page(url: string | null): Promise<string> {
  return await (await open.local.app.request(url ?? "")).text();
}

describe("the page of an open session", () => {
  test("shows the merchant, the lines, the total and the ways out", async () => {
    const { url } = await open.stripe.checkout.sessions.create({ ...payment, customer_email: "reader@example.com" });
    const text = await page(url);
    for (const part of [
      "The Daily Tribune",
      "Test mode",
      "Crossword Annual",
      "£14.99",
      "Pay £14.99",
      "4242 4242 4242 4242",
    ]) {
      expect(text).toContain(part);
    }
    expect(text).toContain('value="reader@example.com"');
    expect(text).toContain('href="https://shop.test/offers"');
    expect(text).not.toMatch(/<(script|link|img)[^>]+(src|href)="http/);
  });

  const buttons: [string, Stripe.Checkout.SessionCreateParams][] = [
    ["Subscribe", subscription],
    ["Start trial", { ...subscription, subscription_data: { trial_period_days: 10 } }],
    ["Save card", { mode: "setup", currency: "gbp", success_url: "https://shop.test/" }],
    ["Donate £14.99", { ...payment, submit_type: "donate" }],
    ["Complete order", { ...payment, discounts: [{ coupon: "FREE" }] }],
  ];
  test.for(buttons)("has a button that says %s", async ([label, params]) => {
    const { url } = await open.stripe.checkout.sessions.create(params);
    expect(await page(url)).toContain(`<button type="submit">${label}</button>`);
  });

  test("runs nothing but its own style and script, and stays out of frames", async () => {
    const { url } = await open.stripe.checkout.sessions.create(payment);
    const { headers } = await open.local.app.request(url ?? "");
    const policy = headers.get("content-security-policy");
    expect(policy).toContain("default-src 'none'");
    expect(policy).toMatch(/script-src 'sha256-[^']+'/);
    expect(policy).not.toContain("unsafe");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(headers.get("cache-control")).toBe("no-store");
  });

  test("shows what it is told as text", async () => {
    open.local.putCatalogue({ products: [{ id: "prod_book", name: "<script>alert(1)</script>" }] });
    const { url } = await open.stripe.checkout.sessions.create(payment);
    const text = await page(url);
    expect(text).not.toContain("<script>alert(1)");
    expect(text).toContain("&lt;script&gt;alert(1)");
  });
});

describe("paying", () => {
  test("completes the session and goes to success_url with its id", async () => {
    const { id, url } = await open.stripe.checkout.sessions.create(payment);
    const answer = await submit(open.local, url);
    expect(answer.status).toBe(303);
    expect(answer.headers.get("location")).toBe(`https://shop.test/thanks?session=${id}`);
    expect(open.local.sessions()).toMatchObject([{ id, status: "complete", payment_status: "paid" }]);
  });

  test.for([
    ["4000000000000002", "Your card was declined."],
    ["4000000000009995", "Your card has insufficient funds."],
    ["4012888888881881", "used a non test card"],
  ] as const)("with %s says “%s” and leaves the session open", async ([number, message]) => {
    const { stripe, local } = open;
    const { id, url } = await stripe.checkout.sessions.create(payment);
    const answer = await submit(local, url, { ...goodCard, number });
    expect(answer.status).toBe(402);
    const text = await answer.text();
    expect(text).toContain(message);
    expect(text).toContain('value="Ada Reader"');
    expect(text).not.toContain(number);
    expect(await stripe.checkout.sessions.retrieve(id)).toMatchObject({ status: "open", payment_intent: null });
    expect((await submit(local, url)).status).toBe(303);
  });

  test.for([
    [{ number: "4242 4242 4242 4241" }, "Your card number is invalid."],
    [{ number: "4242" }, "Your card number is incomplete."],
    [{ number: "" }, "Enter your card number."],
    [{ expiry: "12 / 25" }, "Your card’s expiration date is in the past."],
    [{ expiry: "13 / 34" }, "Your card’s expiration date is invalid."],
    [{ expiry: "1" }, "Your card’s expiration date is incomplete."],
    [{ cvc: "12" }, "Your card’s security code is incomplete."],
    [{ cvc: "" }, "Enter your card’s security code."],
    [{ email: "reader" }, "Your email address is invalid."],
    [{ email: "" }, "Enter your email address."],
    [{ name: " " }, "Enter the name on your card."],
  ] as const)("with %o is refused: %s", async ([fields, message]) => {
    const { url } = await open.stripe.checkout.sessions.create(payment);
    const answer = await submit(open.local, url, { ...goodCard, ...fields });
    expect(answer.status).toBe(422);
    const text = await answer.text();
    expect(text).toContain(message);
    expect(text).toContain('aria-invalid="true"');
    expect(open.local.sessions()).toMatchObject([{ status: "open" }]);
  });

  test("with a card that ends this month works, American Express wants four digits", async () => {
    const first = await open.stripe.checkout.sessions.create(payment);
    expect((await submit(open.local, first.url, { ...goodCard, expiry: "01/2026" })).status).toBe(303);
    const second = await open.stripe.checkout.sessions.create(payment);
    const amex = { ...goodCard, number: "378282246310005" };
    expect((await submit(open.local, second.url, amex)).status).toBe(422);
    expect((await submit(open.local, second.url, { ...amex, cvc: "1234" })).status).toBe(303);
  });

  test("twice at once pays once", async () => {
    const { stripe, local } = open;
    const { url } = await stripe.checkout.sessions.create({ ...subscription });
    const answers = await Promise.all(Array.from({ length: 20 }, () => submit(local, url)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 303));
    expect((await stripe.subscriptions.list()).data).toHaveLength(1);
    expect((await stripe.customers.list()).data).toHaveLength(1);
  });

  test("an unreadable form is refused like an empty one", async () => {
    const { url } = await open.stripe.checkout.sessions.create(payment);
    const headers = { "content-type": "application/json" };
    expect((await open.local.app.request(url ?? "", { method: "POST", headers, body: "{}" })).status).toBe(422);
  });
});

describe("a session that is over", () => {
  test("says so once it has expired, and takes no payment", async () => {
    const { stripe, local, clock } = open;
    const { url } = await stripe.checkout.sessions.create(payment);
    clock.advance(86_400);
    expect(await page(url)).toContain("This checkout has expired");
    expect(await page(url)).toContain('href="https://shop.test/offers"');
    const answer = await submit(local, url);
    expect(answer.status).toBe(410);
    expect((await stripe.paymentIntents.list()).data).toHaveLength(0);
  });

  test("says so once it is complete", async () => {
    const { id, url } = await open.stripe.checkout.sessions.create(payment);
    await submit(open.local, url);
    const text = await page(url);
    expect(text).toContain("You’re all done here");
    expect(text).toContain(`href="https://shop.test/thanks?session=${id}"`);
  });

  test("or never was, is 404", async () => {
    expect((await open.local.app.request("http://checkout.test/c/pay/cs_test_nope")).status).toBe(404);
    expect((await submit(open.local, "http://checkout.test/c/pay/cs_test_nope")).status).toBe(404);
  });
});
