// Past 250 lines: a subscription from its first invoice to its end.
import type { Stripe } from "stripe";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { periodEnd } from "../../local-stripe/billing-period.ts";
import { buyer, dayMs, openWithReceiver, payment, refusal, subscription } from "./fixture.ts";

let open: ReturnType<typeof openWithReceiver>;
beforeEach(() => {
  open = openWithReceiver();
});
afterEach(() => open.local.close());

/** A subscription that is paid, its events seen. */
async function subscribe(params: Partial<Stripe.Checkout.SessionCreateParams> = {}) {
  const { stripe, local, receiver } = open;
  const { id } = await stripe.checkout.sessions.create({ ...subscription, ...params });
  const session = local.pay(id, buyer);
  await local.settled();
  receiver.types();
  const ids = { session: id, subscription: String(session.subscription), invoice: String(session.invoice) };
  return { ...ids, customer: String(session.customer) };
}

async function eventsOf() {
  await open.local.settled();
  return open.receiver.types();
}

/** The period of a subscription is its items'. */
function periodOf({ items }: Stripe.Subscription) {
  const [item] = items.data;
  return [item?.current_period_start, item?.current_period_end].map((at) => new Date((at ?? 0) * 1000).toISOString());
}

describe("the first invoice", () => {
  test("is paid, and says what for and by which payment", async () => {
    const { stripe, clock } = open;
    const made = await subscribe({ subscription_data: { metadata: { plan: "monthly" } } });
    const invoice = await stripe.invoices.retrieve(made.invoice, { expand: ["payments", "customer"] });
    const period = { start: clock.seconds(), end: Date.UTC(2026, 1, 28, 12) / 1000 };
    expect(invoice).toMatchObject({
      id: expect.stringMatching(/^in_/),
      object: "invoice",
      amount_due: 1000,
      amount_paid: 1000,
      amount_remaining: 0,
      billing_reason: "subscription_create",
      customer: { id: made.customer },
      customer_email: "reader@example.com",
      parent: {
        type: "subscription_details",
        subscription_details: { subscription: made.subscription, metadata: { plan: "monthly" } },
      },
      status: "paid",
      status_transitions: { paid_at: clock.seconds() },
      lines: {
        data: [
          {
            amount: 1000,
            description: "1 × Premium (at £10.00 / month)",
            metadata: { plan: "monthly" },
            period,
            pricing: { price_details: { price: "price_monthly", product: "prod_premium" } },
            parent: { subscription_item_details: { subscription: made.subscription } },
          },
        ],
      },
    });
    const [paid] = invoice.payments?.data ?? [];
    expect(paid).toMatchObject({
      id: expect.stringMatching(/^inpay_/),
      amount_paid: 1000,
      invoice: made.invoice,
      is_default: true,
      payment: { type: "payment_intent", payment_intent: expect.stringMatching(/^pi_/) },
      status: "paid",
    });
    expect((await stripe.invoices.retrieve(made.invoice)).payments).toBeUndefined();
  });

  test("leads from session to payment and back", async () => {
    const { stripe } = open;
    const other = await subscribe();
    const made = await subscribe();
    const session = await stripe.checkout.sessions.retrieve(made.session, { expand: ["subscription", "invoice"] });
    expect(session).toMatchObject({
      payment_intent: null,
      subscription: { id: made.subscription, latest_invoice: made.invoice },
      invoice: { id: made.invoice, object: "invoice" },
    });
    const [paid] = (await stripe.invoicePayments.list({ invoice: made.invoice })).data;
    const intent = String(paid?.payment.payment_intent);
    const found = await stripe.invoicePayments.list({ payment: { type: "payment_intent", payment_intent: intent } });
    expect(found.data).toMatchObject([{ id: paid?.id, invoice: made.invoice }]);
    expect((await stripe.invoicePayments.retrieve(paid?.id ?? "", { expand: ["invoice"] })).invoice).toMatchObject({
      id: made.invoice,
    });
    const bySubscription = await stripe.checkout.sessions.list({ subscription: made.subscription });
    expect(bySubscription.data.map(({ id }) => id)).toEqual([made.session]);
    const invoices = async (params: Stripe.InvoiceListParams) =>
      (await stripe.invoices.list(params)).data.map(({ id }) => id);
    expect(await invoices({ subscription: made.subscription })).toEqual([made.invoice]);
    expect(await invoices({ customer: other.customer })).toEqual([other.invoice]);
    expect(await invoices({ status: "paid" })).toEqual([made.invoice, other.invoice]);
    expect(await invoices({ status: "open" })).toEqual([]);
  });

  test("may be expanded as deep as Stripe lets it, and no deeper", async () => {
    const { stripe } = open;
    const { subscription: id } = await subscribe();
    const found = await stripe.subscriptions.retrieve(id, { expand: ["latest_invoice.payments.data.payment"] });
    expect(found.latest_invoice).toMatchObject({ payments: { data: [{ status: "paid" }] } });
    const tooDeep = { expand: ["latest_invoice.payments.data.payment.payment_intent"] };
    expect((await refusal(stripe.subscriptions.retrieve(id, tooDeep))).message).toContain("more than 4 levels");
  });

  test("of a trial asks for nothing", async () => {
    const made = await subscribe({ subscription_data: { trial_period_days: 10 } });
    expect(await open.stripe.invoices.retrieve(made.invoice, { expand: ["payments"] })).toMatchObject({
      status: "paid",
      total: 0,
      lines: { data: [{ description: "Trial period for Premium", amount: 0 }] },
      payments: { data: [] },
    });
  });

  test("has a discount, and what is paid only once", async () => {
    const line_items = [...subscription.line_items, ...payment.line_items];
    const made = await subscribe({ line_items, discounts: [{ coupon: "TWENTY" }] });
    const invoice = await open.stripe.invoices.retrieve(made.invoice);
    expect(invoice).toMatchObject({
      subtotal: 2499,
      total: 1999,
      total_discount_amounts: [{ amount: 500 }],
      lines: { data: [{ amount: 1000 }, { amount: 1499, parent: { type: "invoice_item_details" } }] },
    });
    open.clock.advance(28 * 86_400);
    const [second] = (await open.stripe.invoices.list({ subscription: made.subscription })).data;
    expect(second).toMatchObject({ total: 1000, lines: { data: [{ amount: 1000 }] } });
  });
});

describe("a subscription begins", () => {
  test("incomplete, and is active when it is paid", async () => {
    const { id } = await open.stripe.checkout.sessions.create(subscription);
    open.local.pay(id, buyer);
    await open.local.settled();
    const told = open.receiver.events.filter(({ type }) => type.startsWith("customer.subscription"));
    expect(told).toMatchObject([
      { type: "customer.subscription.created", data: { object: { status: "incomplete" } } },
      {
        type: "customer.subscription.updated",
        data: { object: { status: "active" }, previous_attributes: { status: "incomplete" } },
      },
    ]);
  });

  test("trialing at once where nothing is to be paid", async () => {
    const { id } = await open.stripe.checkout.sessions.create({
      ...subscription,
      subscription_data: { trial_period_days: 3 },
    });
    open.local.pay(id, buyer);
    expect(await eventsOf()).toEqual(["customer.subscription.created", "invoice.paid", "checkout.session.completed"]);
  });
});

describe("a period that ends", () => {
  test.for([
    ["month", 1, ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]],
    ["month", 3, ["2026-04-30", "2026-07-31", "2026-10-31", "2027-01-31"]],
    ["year", 1, ["2027-01-31", "2028-01-31", "2029-01-31"]],
    ["week", 2, ["2026-02-14", "2026-02-28", "2026-03-14"]],
    ["day", 1, ["2026-02-01", "2026-02-02"]],
  ] as const)("every %s × %i is counted from the day of the first", ([interval, interval_count, days]) => {
    const anchor = Date.UTC(2026, 0, 31, 12) / 1000;
    let end = anchor;
    for (const day of days) {
      end = periodEnd(anchor, { interval, interval_count }, end);
      expect(new Date(end * 1000).toISOString()).toBe(`${day}T12:00:00.000Z`);
    }
  });

  test("from a leap day comes back to it", () => {
    const anchor = Date.UTC(2028, 1, 29) / 1000;
    const ends = [anchor, Date.UTC(2031, 1, 28) / 1000].map((at) =>
      new Date(periodEnd(anchor, { interval: "year", interval_count: 1 }, at) * 1000).toISOString().slice(0, 10),
    );
    expect(ends).toEqual(["2029-02-28", "2032-02-29"]);
  });

  test("is followed by the next one, billed and paid", async () => {
    const { stripe, clock } = open;
    const made = await subscribe();
    clock.advance(28 * 86_400);
    const renewed = await stripe.subscriptions.retrieve(made.subscription, { expand: ["latest_invoice"] });
    expect(open.local.subscriptions()).toMatchObject([{ id: made.subscription, status: "active" }]);
    expect(periodOf(renewed)).toEqual(["2026-02-28T12:00:00.000Z", "2026-03-31T12:00:00.000Z"]);
    expect(renewed).toMatchObject({
      status: "active",
      latest_invoice: {
        billing_reason: "subscription_cycle",
        status: "paid",
        amount_paid: 1000,
        // an invoice looks back, its lines look ahead
        period_start: Date.UTC(2026, 0, 31, 12) / 1000,
        period_end: Date.UTC(2026, 1, 28, 12) / 1000,
        lines: { data: [{ period: { start: Date.UTC(2026, 1, 28, 12) / 1000 } }] },
      },
    });
    expect(await eventsOf()).toEqual([
      "customer.subscription.updated",
      "charge.succeeded",
      "payment_intent.succeeded",
      "invoice_payment.paid",
      "invoice.paid",
    ]);
  });

  test("is told with what was before", async () => {
    const made = await subscribe();
    open.clock.advance(28 * 86_400);
    await open.local.settled();
    expect(open.receiver.events[0]).toMatchObject({
      type: "customer.subscription.updated",
      created: Date.UTC(2026, 1, 28, 12) / 1000,
      data: {
        previous_attributes: {
          latest_invoice: made.invoice,
          items: { data: [{ current_period_end: Date.UTC(2026, 1, 28, 12) / 1000 }] },
        },
      },
    });
  });

  test("several times while nobody looked is made up for, one by one", async () => {
    const { stripe, local, receiver } = open;
    const made = await subscribe();
    local.advanceClock(100 * dayMs);
    await local.settled();
    const paid = receiver.events.filter(({ type }) => type === "invoice.paid").map(({ created }) => created);
    expect(paid).toEqual([
      Date.UTC(2026, 1, 28, 12) / 1000,
      Date.UTC(2026, 2, 31, 12) / 1000,
      Date.UTC(2026, 3, 30, 12) / 1000,
    ]);
    expect((await stripe.invoices.list({ subscription: made.subscription })).data).toHaveLength(4);
    expect((await stripe.charges.list({ customer: made.customer })).data).toHaveLength(4);
  });

  test("ends a trial, which is charged from then on", async () => {
    const { stripe, clock } = open;
    const made = await subscribe({ subscription_data: { trial_period_days: 10 } });
    clock.advance(10 * 86_400);
    const charged = await stripe.subscriptions.retrieve(made.subscription, { expand: ["latest_invoice"] });
    expect(charged).toMatchObject({ status: "active", latest_invoice: { total: 1000, status: "paid" } });
    expect(periodOf(charged)).toEqual(["2026-02-10T12:00:00.000Z", "2026-03-10T12:00:00.000Z"]);
  });

  test("after a trial without a card is past due", async () => {
    const { stripe, clock } = open;
    const made = await subscribe({
      subscription_data: { trial_period_days: 10 },
      payment_method_collection: "if_required",
    });
    clock.advance(10 * 86_400);
    expect(await stripe.subscriptions.retrieve(made.subscription)).toMatchObject({ status: "past_due" });
    expect(await eventsOf()).toEqual([
      "customer.subscription.updated",
      "invoice.payment_failed",
      "customer.subscription.updated",
    ]);
  });

  test("takes a discount that lasts, as long as it lasts", async () => {
    const { stripe, local } = open;
    await stripe.coupons.create({ id: "FOREVER", percent_off: 50, duration: "forever" });
    await stripe.coupons.create({ id: "QUARTER", percent_off: 10, duration: "repeating", duration_in_months: 3 });
    const forever = await subscribe({ discounts: [{ coupon: "FOREVER" }] });
    const quarter = await subscribe({ discounts: [{ coupon: "QUARTER" }] });
    local.advanceClock(95 * dayMs);
    const totals = async (id: string) =>
      (await stripe.invoices.list({ subscription: id })).data.map(({ total }) => total);
    expect(await totals(forever.subscription)).toEqual([500, 500, 500, 500]);
    expect(await totals(quarter.subscription)).toEqual([1000, 900, 900, 900]);
  });
});

describe("a card that fails", () => {
  test("leaves the subscription past due, and is tried again until it works", async () => {
    const { stripe, local } = open;
    const made = await subscribe();
    local.failPayments(made.customer);
    local.advanceClock(28 * dayMs);
    expect(await stripe.subscriptions.retrieve(made.subscription, { expand: ["latest_invoice"] })).toMatchObject({
      status: "past_due",
      latest_invoice: {
        status: "open",
        attempt_count: 1,
        amount_remaining: 1000,
        next_payment_attempt: Date.UTC(2026, 2, 3, 12) / 1000,
      },
    });
    expect(await eventsOf()).toEqual([
      "customer.subscription.updated",
      "charge.failed",
      "payment_intent.payment_failed",
      "invoice.payment_failed",
      "customer.subscription.updated",
    ]);
    local.failPayments(made.customer, false);
    local.advanceClock(3 * dayMs);
    expect(await stripe.subscriptions.retrieve(made.subscription, { expand: ["latest_invoice"] })).toMatchObject({
      status: "active",
      latest_invoice: { status: "paid", attempt_count: 2 },
    });
    expect(await eventsOf()).toEqual([
      "charge.succeeded",
      "payment_intent.succeeded",
      "invoice_payment.paid",
      "invoice.paid",
      "customer.subscription.updated",
    ]);
  });

  test("says why on its charge and its payment intent", async () => {
    const { stripe, local } = open;
    const made = await subscribe();
    local.failPayments(made.customer);
    local.advanceClock(28 * dayMs);
    const [intent] = (await stripe.paymentIntents.list({ customer: made.customer, expand: ["data.latest_charge"] }))
      .data;
    expect(intent).toMatchObject({
      status: "requires_payment_method",
      amount_received: 0,
      last_payment_error: { type: "card_error", code: "card_declined", message: "Your card was declined." },
      latest_charge: { status: "failed", paid: false, failure_code: "card_declined" },
    });
  });

  test("ends the subscription after the fourth attempt", async () => {
    const { stripe, local, receiver } = open;
    const made = await subscribe();
    local.failPayments(made.customer);
    local.advanceClock(28 * dayMs);
    await eventsOf();
    local.advanceClock(15 * dayMs);
    await local.settled();
    expect(receiver.events.at(-1)).toMatchObject({
      type: "customer.subscription.deleted",
      data: { object: { status: "canceled", cancellation_details: { reason: "payment_failed" } } },
    });
    local.advanceClock(90 * dayMs);
    expect((await stripe.invoices.list({ subscription: made.subscription })).data).toHaveLength(2);
  });

  test("of a known customer is declined on the page too", async () => {
    const { stripe, local } = open;
    const { customer } = await subscribe();
    local.failPayments(customer);
    const { id } = await stripe.checkout.sessions.create({ ...payment, customer });
    expect(() => local.pay(id, buyer)).toThrow("Your card was declined.");
    expect(await stripe.checkout.sessions.retrieve(id)).toMatchObject({ status: "open" });
  });
});

describe("canceling", () => {
  test("at the end of the period is said now and done then", async () => {
    const { stripe, local, clock, receiver } = open;
    const { subscription: id } = await subscribe();
    const end = Date.UTC(2026, 1, 28, 12) / 1000;
    expect(await stripe.subscriptions.update(id, { cancel_at_period_end: true })).toMatchObject({
      status: "active",
      cancel_at_period_end: true,
      cancel_at: end,
      canceled_at: clock.seconds(),
      ended_at: null,
      cancellation_details: { reason: "cancellation_requested" },
    });
    await local.settled();
    expect(receiver.events.splice(0)).toMatchObject([
      { type: "customer.subscription.updated", data: { previous_attributes: { cancel_at_period_end: false } } },
    ]);
    local.advanceClock(28 * dayMs);
    await local.settled();
    expect(receiver.events).toMatchObject([
      { type: "customer.subscription.deleted", data: { object: { id, status: "canceled", ended_at: end } } },
    ]);
    local.advanceClock(60 * dayMs);
    expect((await stripe.invoices.list({ subscription: id })).data).toHaveLength(1);
  });

  test("is taken back", async () => {
    const { stripe, local } = open;
    const { subscription: id } = await subscribe();
    await stripe.subscriptions.update(id, { cancel_at_period_end: true });
    expect(await stripe.subscriptions.update(id, { cancel_at_period_end: false })).toMatchObject({
      cancel_at_period_end: false,
      cancel_at: null,
      canceled_at: null,
      cancellation_details: { reason: null },
    });
    local.advanceClock(28 * dayMs);
    expect(await stripe.subscriptions.retrieve(id)).toMatchObject({ status: "active" });
  });

  test("now ends it now", async () => {
    const { stripe, local, clock, receiver } = open;
    const { subscription: id, customer } = await subscribe();
    const canceled = await stripe.subscriptions.cancel(id, {
      cancellation_details: { comment: "Too many crosswords", feedback: "too_complex" },
    });
    expect(canceled).toMatchObject({
      status: "canceled",
      canceled_at: clock.seconds(),
      ended_at: clock.seconds(),
      cancellation_details: {
        comment: "Too many crosswords",
        feedback: "too_complex",
        reason: "cancellation_requested",
      },
    });
    await local.settled();
    expect(receiver.types()).toEqual(["customer.subscription.deleted"]);
    expect((await stripe.subscriptions.list({ customer })).data).toEqual([]);
    expect((await stripe.subscriptions.list({ customer, status: "all" })).data).toHaveLength(1);
    await expect(stripe.subscriptions.cancel(id)).rejects.toMatchObject({ statusCode: 404, code: "resource_missing" });
    await expect(stripe.subscriptions.update(id, { cancel_at_period_end: true })).rejects.toMatchObject({
      message: "A canceled subscription can only update its cancellation_details and metadata.",
    });
  });
});

describe("an update", () => {
  test("of metadata is on the subscription and on the next invoice", async () => {
    const { stripe, local } = open;
    const made = await subscribe({ subscription_data: { metadata: { plan: "old", kept: "1" } } });
    const updated = await stripe.subscriptions.update(made.subscription, { metadata: { plan: "new" } });
    expect(updated.metadata).toEqual({ plan: "new", kept: "1" });
    expect(await eventsOf()).toEqual(["customer.subscription.updated"]);
    local.advanceClock(28 * dayMs);
    const { data } = await stripe.invoices.list({ subscription: made.subscription });
    expect(data.map(({ parent }) => parent?.subscription_details?.metadata?.plan)).toEqual(["new", "old"]);
  });

  test("that changes nothing is not told", async () => {
    const made = await subscribe();
    await open.stripe.subscriptions.update(made.subscription, { cancel_at_period_end: false });
    expect(await eventsOf()).toEqual([]);
  });

  test("of what is not simulated is refused by name", async () => {
    const made = await subscribe();
    const error = await refusal(open.stripe.subscriptions.update(made.subscription, { proration_behavior: "none" }));
    expect(error).toMatchObject({ param: "proration_behavior", message: expect.stringContaining("does not simulate") });
  });
});
