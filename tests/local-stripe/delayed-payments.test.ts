import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { buyer, dayMs, openStripe, openWithReceiver, payment, submit, subscription } from "./fixture.ts";

const delayed = { ...buyer, method: "delayed" as const };

let open: ReturnType<typeof openWithReceiver>;
beforeEach(() => {
  open = openWithReceiver();
});
afterEach(() => open.local.close());

async function eventsOf() {
  await open.local.settled();
  return open.receiver.types();
}

describe("a bank debit", () => {
  test("completes the session at once, unpaid", async () => {
    const { stripe, local } = open;
    const { id } = await stripe.checkout.sessions.create(payment);
    expect(local.pay(id, delayed)).toMatchObject({ status: "complete", payment_status: "unpaid" });
    const session = await stripe.checkout.sessions.retrieve(id, { expand: ["payment_intent.latest_charge"] });
    expect(session).toMatchObject({
      payment_method_types: ["card", "bacs_debit"],
      payment_intent: {
        status: "processing",
        amount_received: 0,
        payment_method_types: ["bacs_debit"],
        latest_charge: {
          id: expect.stringMatching(/^py_/),
          status: "pending",
          paid: false,
          payment_method_details: { type: "bacs_debit" },
        },
      },
    });
    expect(await eventsOf()).toEqual(["charge.pending", "payment_intent.processing", "checkout.session.completed"]);
  });

  test("that succeeds makes the session paid", async () => {
    const { stripe, local } = open;
    const { id } = await stripe.checkout.sessions.create(payment);
    local.pay(id, delayed);
    await eventsOf();
    local.settleDelayedPayment(id, "succeeded");
    const session = await stripe.checkout.sessions.retrieve(id, { expand: ["payment_intent.latest_charge"] });
    expect(session).toMatchObject({
      status: "complete",
      payment_status: "paid",
      payment_intent: {
        status: "succeeded",
        amount_received: 1499,
        latest_charge: { status: "succeeded", paid: true },
      },
    });
    expect(await eventsOf()).toEqual([
      "charge.succeeded",
      "payment_intent.succeeded",
      "checkout.session.async_payment_succeeded",
    ]);
    expect(() => local.settleDelayedPayment(id, "failed")).toThrow(/no payment to settle/);
  });

  test("that fails leaves the session complete and unpaid, and says why", async () => {
    const { stripe, local } = open;
    const { id } = await stripe.checkout.sessions.create(payment);
    local.pay(id, delayed);
    await eventsOf();
    local.settleDelayedPayment(id, "failed");
    expect(await stripe.checkout.sessions.retrieve(id, { expand: ["payment_intent"] })).toMatchObject({
      status: "complete",
      payment_status: "unpaid",
      payment_intent: {
        status: "requires_payment_method",
        last_payment_error: { code: "insufficient_funds", payment_method_type: "bacs_debit" },
      },
    });
    expect(await eventsOf()).toEqual([
      "charge.failed",
      "payment_intent.payment_failed",
      "checkout.session.async_payment_failed",
    ]);
  });

  test("cannot be refunded before it has succeeded", async () => {
    const { stripe, local } = open;
    const { id } = await stripe.checkout.sessions.create(payment);
    const { payment_intent } = local.pay(id, delayed);
    await expect(stripe.refunds.create({ payment_intent: String(payment_intent) })).rejects.toMatchObject({
      message: `This PaymentIntent (${payment_intent}) does not have a successful charge to refund.`,
    });
    local.settleDelayedPayment(id, "succeeded");
    expect(await stripe.refunds.create({ payment_intent: String(payment_intent) })).toMatchObject({ amount: 1499 });
  });

  test("settles by itself after the time that was set", async () => {
    const slow = openWithReceiver({ delayedPaymentMs: 3 * dayMs });
    const { id } = await slow.stripe.checkout.sessions.create(payment);
    slow.local.pay(id, delayed);
    slow.clock.advance(3 * 86_400 - 1);
    expect(await slow.stripe.checkout.sessions.retrieve(id)).toMatchObject({ payment_status: "unpaid" });
    slow.clock.advance(1);
    slow.local.tick();
    await slow.local.settled();
    expect(slow.receiver.types().at(-1)).toBe("checkout.session.async_payment_succeeded");
    expect(await slow.stripe.checkout.sessions.retrieve(id)).toMatchObject({ payment_status: "paid" });
    slow.local.close();
  });

  test.for([
    ["usd", "us_bank_account"],
    ["eur", "sepa_debit"],
  ] as const)("in %s is %s", async ([currency, type]) => {
    const { stripe, local } = open;
    const price_data = { currency, unit_amount: 500, product_data: { name: "Single issue" } };
    const params = { ...payment, line_items: [{ price_data, quantity: 1 }] };
    const { id } = await stripe.checkout.sessions.create(params);
    const { payment_intent } = local.pay(id, delayed);
    const [charge] = (await stripe.charges.list({ payment_intent: String(payment_intent) })).data;
    expect(charge?.payment_method_details).toMatchObject({ type, [type]: { last4: expect.any(String) } });
  });

  test("is not offered in other currencies, nor where only cards are allowed", async () => {
    const { stripe, local } = open;
    const price_data = { currency: "jpy", unit_amount: 500, product_data: { name: "Single issue" } };
    const yen = await stripe.checkout.sessions.create({ ...payment, line_items: [{ price_data, quantity: 1 }] });
    const cards = await stripe.checkout.sessions.create({ ...payment, allowed_payment_method_types: ["card"] });
    for (const { id, url, payment_method_types } of [yen, cards]) {
      expect(payment_method_types).toEqual(["card"]);
      expect(() => local.pay(id, delayed)).toThrow(/cannot be paid with a bank debit/);
      expect(await (await local.app.request(url ?? "")).text()).not.toContain("Bank debit");
    }
  });
});

describe("a subscription by bank debit", () => {
  async function subscribe() {
    const { stripe, local } = open;
    const { id } = await stripe.checkout.sessions.create(subscription);
    const session = local.pay(id, delayed);
    await eventsOf();
    return { id, subscription: String(session.subscription), invoice: String(session.invoice) };
  }

  test("is active while its payment is processing, which its session and invoice tell apart", async () => {
    const { stripe } = open;
    const made = await subscribe();
    const session = await stripe.checkout.sessions.retrieve(made.id, { expand: ["subscription", "invoice"] });
    expect(session).toMatchObject({
      status: "complete",
      payment_status: "unpaid",
      subscription: { status: "active" },
      invoice: { status: "open", amount_paid: 0, attempted: true },
    });
  });

  test("is paid when the debit succeeds", async () => {
    const { stripe, local } = open;
    const made = await subscribe();
    local.settleDelayedPayment(made.id, "succeeded");
    expect(await stripe.invoices.retrieve(made.invoice)).toMatchObject({ status: "paid" });
    expect(await eventsOf()).toEqual([
      "charge.succeeded",
      "payment_intent.succeeded",
      "invoice_payment.paid",
      "invoice.paid",
      "checkout.session.async_payment_succeeded",
    ]);
  });

  test("is past due when the debit fails", async () => {
    const { stripe, local } = open;
    const made = await subscribe();
    local.settleDelayedPayment(made.id, "failed");
    expect(await stripe.subscriptions.retrieve(made.subscription)).toMatchObject({ status: "past_due" });
    expect(await eventsOf()).toEqual([
      "charge.failed",
      "payment_intent.payment_failed",
      "invoice.payment_failed",
      "customer.subscription.updated",
      "checkout.session.async_payment_failed",
    ]);
  });

  test("renews by bank debit, which is settled by its payment intent", async () => {
    const { stripe, local } = open;
    const made = await subscribe();
    local.settleDelayedPayment(made.id, "succeeded");
    await eventsOf();
    local.advanceClock(28 * dayMs);
    const [invoice] = (await stripe.invoices.list({ subscription: made.subscription })).data;
    expect(invoice).toMatchObject({ status: "open", billing_reason: "subscription_cycle" });
    const [paying] = (await stripe.invoicePayments.list({ invoice: String(invoice?.id) })).data;
    await eventsOf();
    local.settleDelayedPayment(String(paying?.payment.payment_intent), "succeeded");
    expect(await eventsOf()).toEqual([
      "charge.succeeded",
      "payment_intent.succeeded",
      "invoice_payment.paid",
      "invoice.paid",
    ]);
  });
});

describe("on the hosted page a bank debit", () => {
  test("needs no card, and goes to success_url", async () => {
    const { stripe, local } = open;
    const { id, url } = await stripe.checkout.sessions.create(payment);
    const text = await (await local.app.request(url ?? "")).text();
    expect(text).toContain("Bank debit");
    expect(text).toContain("Settles later");
    const paid = await submit(local, url, { ...buyer, method: "delayed" });
    expect(paid.status).toBe(303);
    expect(paid.headers.get("location")).toBe(`https://shop.test/thanks?session=${id}`);
    expect(await stripe.checkout.sessions.retrieve(id)).toMatchObject({
      status: "complete",
      payment_status: "unpaid",
      customer_details: buyer,
    });
  });

  test("wants an e-mail address and a name, and stays chosen", async () => {
    const { url } = await open.stripe.checkout.sessions.create(payment);
    const refused = await submit(open.local, url, { email: "reader", name: "", method: "delayed" });
    expect(refused.status).toBe(422);
    const text = await refused.text();
    expect(text).toContain("Enter the account holder’s name.");
    expect(text).toContain("Your email address is invalid.");
    expect(text).not.toContain("Enter your card number.");
    expect(text).toContain('value="delayed" checked');
  });

  test("is a card where there is none: nobody gets away without paying", async () => {
    const { stripe, local } = openStripe();
    const { url } = await stripe.checkout.sessions.create({ ...payment, allowed_payment_method_types: ["card"] });
    expect((await submit(local, url, { ...buyer, method: "delayed" })).status).toBe(422);
    local.close();
  });
});
