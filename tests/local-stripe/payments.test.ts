// Past 250 lines: money that comes in and goes back, all of one charge.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { buyer, openWithReceiver, payment, refusal, subscription } from "./fixture.ts";

let open: ReturnType<typeof openWithReceiver>;
beforeEach(() => {
  open = openWithReceiver();
});
afterEach(() => open.local.close());

/** A book for £14.99, paid; its ids. */
async function buy() {
  const { stripe, local, receiver } = open;
  const { id } = await stripe.checkout.sessions.create({
    ...payment,
    payment_intent_data: { metadata: { redemption: "red_1" }, description: "The book" },
  });
  local.pay(id, buyer);
  const session = await stripe.checkout.sessions.retrieve(id, { expand: ["payment_intent"] });
  const intent = session.payment_intent;
  if (intent === null || typeof intent === "string" || typeof intent.latest_charge !== "string") {
    throw new Error("not paid");
  }
  await local.settled();
  receiver.types();
  return { session: id, intent: intent.id, charge: intent.latest_charge };
}

describe("a charge", () => {
  test("has what the payment intent has, and who paid", async () => {
    const { intent, charge } = await buy();
    const found = await open.stripe.charges.retrieve(charge, { expand: ["payment_intent"] });
    expect(found).toMatchObject({
      id: expect.stringMatching(/^ch_/),
      object: "charge",
      amount: 1499,
      amount_captured: 1499,
      amount_refunded: 0,
      billing_details: { email: "reader@example.com", name: "Ada Reader" },
      captured: true,
      currency: "gbp",
      description: "The book",
      disputed: false,
      metadata: { redemption: "red_1" },
      outcome: { network_status: "approved_by_network", type: "authorized" },
      paid: true,
      payment_intent: { id: intent, latest_charge: charge, metadata: { redemption: "red_1" } },
      payment_method_details: { type: "card", card: { brand: "visa", last4: "4242" } },
      refunded: false,
      status: "succeeded",
    });
    expect(found.refunds).toBeUndefined();
  });

  test("is found through its payment intent, its session and the lists", async () => {
    const { stripe } = open;
    const other = await buy();
    const { session, intent, charge } = await buy();
    expect(await stripe.paymentIntents.retrieve(intent, { expand: ["latest_charge"] })).toMatchObject({
      latest_charge: { id: charge, object: "charge" },
    });
    expect(
      await stripe.checkout.sessions.retrieve(session, { expand: ["payment_intent.latest_charge"] }),
    ).toMatchObject({ payment_intent: { latest_charge: { id: charge } } });
    expect((await stripe.charges.list({ payment_intent: intent })).data).toMatchObject([{ id: charge }]);
    expect((await stripe.charges.list()).data.map(({ id }) => id)).toEqual([charge, other.charge]);
    const sessions = await stripe.checkout.sessions.list({ payment_intent: intent });
    expect(sessions.data.map(({ id }) => id)).toEqual([session]);
  });

  test("of a customer is found by the customer", async () => {
    const { stripe, local } = open;
    const { id: customer } = await stripe.customers.create({ email: "ada@example.com" });
    for (const params of [payment, subscription]) {
      const { id } = await stripe.checkout.sessions.create({ ...params, customer });
      local.pay(id, buyer);
    }
    await buy();
    expect((await stripe.charges.list({ customer })).data).toHaveLength(2);
    expect((await stripe.paymentIntents.list({ customer })).data).toHaveLength(2);
    expect((await stripe.checkout.sessions.list({ customer })).data).toHaveLength(2);
    const byEmail = await stripe.checkout.sessions.list({ customer_details: { email: "reader@example.com" } });
    expect(byEmail.data).toHaveLength(3);
  });
});

describe("a refund", () => {
  test("of all of it makes the charge refunded", async () => {
    const { stripe, local, receiver } = open;
    const { intent, charge } = await buy();
    const refund = await stripe.refunds.create({
      payment_intent: intent,
      reason: "requested_by_customer",
      metadata: { ticket: "7" },
    });
    expect(refund).toMatchObject({
      id: expect.stringMatching(/^re_/),
      object: "refund",
      amount: 1499,
      charge,
      payment_intent: intent,
      reason: "requested_by_customer",
      metadata: { ticket: "7" },
      status: "succeeded",
    });
    expect(await stripe.charges.retrieve(charge, { expand: ["refunds"] })).toMatchObject({
      amount_refunded: 1499,
      refunded: true,
      refunds: { object: "list", data: [{ id: refund.id }] },
    });
    await local.settled();
    expect(receiver.events).toMatchObject([
      { type: "refund.created", data: { object: { id: refund.id } } },
      { type: "charge.refunded", data: { object: { id: charge, refunded: true } } },
    ]);
    expect(await stripe.refunds.retrieve(refund.id, { expand: ["charge"] })).toMatchObject({ charge: { id: charge } });
  });

  test("of a part leaves the rest, and the last part refunds it", async () => {
    const { stripe } = open;
    const { charge } = await buy();
    await stripe.refunds.create({ charge, amount: 499 });
    expect(await stripe.charges.retrieve(charge)).toMatchObject({ amount_refunded: 499, refunded: false });
    await stripe.refunds.create({ charge });
    expect(await stripe.charges.retrieve(charge)).toMatchObject({ amount_refunded: 1499, refunded: true });
    const { data } = await stripe.refunds.list({ charge });
    expect(data.map(({ amount }) => amount)).toEqual([1000, 499]);
    await buy();
    expect((await stripe.refunds.list({ payment_intent: "pi_nope" })).data).toEqual([]);
  });

  test("in the same second, twenty times at once, is given once", async () => {
    const { stripe } = open;
    const { charge } = await buy();
    const race = await Promise.allSettled(Array.from({ length: 20 }, () => stripe.refunds.create({ charge })));
    expect(race.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect((await stripe.charges.retrieve(charge)).amount_refunded).toBe(1499);
  });

  test("of what is refunded already, or too much, is refused in Stripe's words", async () => {
    const { stripe } = open;
    const { charge } = await buy();
    await expect(stripe.refunds.create({ charge, amount: 1500 })).rejects.toMatchObject({
      statusCode: 400,
      param: "amount",
      message: "Refund amount (£15.00) is greater than charge amount (£14.99)",
    });
    await stripe.refunds.create({ charge, amount: 1000 });
    await expect(stripe.refunds.create({ charge, amount: 500 })).rejects.toMatchObject({
      message: "Refund amount (£5.00) is greater than unrefunded amount on charge (£4.99)",
    });
    await stripe.refunds.create({ charge });
    await expect(stripe.refunds.create({ charge })).rejects.toMatchObject({
      statusCode: 400,
      code: "charge_already_refunded",
      message: `Charge ${charge} has already been refunded.`,
    });
  });

  test.for([
    [{}, { code: "parameter_missing", param: "charge" }],
    [{ charge: "ch_nope" }, { code: "resource_missing", param: "charge" }],
    [{ payment_intent: "pi_nope" }, { code: "resource_missing", param: "payment_intent" }],
    [{ charge: "ch_1", payment_intent: "pi_1" }, { param: "charge" }],
    [{ charge: "ch_1", refund_application_fee: true }, { param: "refund_application_fee" }],
  ] as const)("with %o is refused", async ([params, error]) => {
    await expect(open.stripe.refunds.create(params)).rejects.toMatchObject({ statusCode: 400, ...error });
  });

  test("of a subscription's payment works through the invoice's payment", async () => {
    const { stripe, local } = open;
    const { id } = await stripe.checkout.sessions.create(subscription);
    const { invoice } = local.pay(id, buyer);
    const [paid] = (await stripe.invoicePayments.list({ invoice: String(invoice) })).data;
    const refund = await stripe.refunds.create({ payment_intent: String(paid?.payment.payment_intent) });
    expect(refund.amount).toBe(1000);
    expect((await stripe.subscriptions.list()).data).toMatchObject([{ status: "active" }]);
  });
});

describe("a dispute", () => {
  test("takes the money, and gives it back when it is won", async () => {
    const { stripe, local, receiver } = open;
    const { intent, charge } = await buy();
    const dispute = local.disputeCharge(intent);
    expect(dispute).toMatchObject({
      id: expect.stringMatching(/^du_/),
      object: "dispute",
      amount: 1499,
      charge,
      payment_intent: intent,
      reason: "fraudulent",
      status: "needs_response",
      is_charge_refundable: false,
    });
    expect(await stripe.charges.retrieve(charge)).toMatchObject({ disputed: true, refunded: false });
    await local.settled();
    expect(receiver.types()).toEqual(["charge.dispute.created", "charge.dispute.funds_withdrawn"]);
    local.closeDispute(dispute.id, "won");
    await local.settled();
    expect(receiver.types()).toEqual(["charge.dispute.funds_reinstated", "charge.dispute.closed"]);
    expect(await stripe.disputes.retrieve(dispute.id, { expand: ["charge"] })).toMatchObject({
      status: "won",
      charge: { id: charge },
    });
    expect((await stripe.disputes.list({ payment_intent: intent })).data).toMatchObject([{ id: dispute.id }]);
    expect((await stripe.disputes.list({ charge })).data).toMatchObject([{ id: dispute.id }]);
    expect((await stripe.disputes.list({ charge: "ch_other" })).data).toEqual([]);
  });

  test("that is lost keeps the money", async () => {
    const { local, receiver } = open;
    const { charge } = await buy();
    const { id } = local.disputeCharge(charge, { reason: "product_not_received" });
    local.closeDispute(id, "lost");
    await local.settled();
    expect(receiver.events).toMatchObject([
      { type: "charge.dispute.created" },
      { type: "charge.dispute.funds_withdrawn" },
      { type: "charge.dispute.closed", data: { object: { status: "lost", reason: "product_not_received" } } },
    ]);
  });

  test("that only asks takes nothing, until it becomes one that does", async () => {
    const { stripe, local, receiver } = open;
    const { charge } = await buy();
    const { id } = local.disputeCharge(charge, { status: "warning_needs_response" });
    await local.settled();
    expect(receiver.types()).toEqual(["charge.dispute.created"]);
    expect(await stripe.disputes.retrieve(id)).toMatchObject({
      is_charge_refundable: true,
      payment_method_details: { card: { case_type: "inquiry" } },
    });
    expect(local.disputeCharge(charge).id).toBe(id);
    await local.settled();
    expect(receiver.events).toMatchObject([
      {
        type: "charge.dispute.updated",
        data: { object: { status: "needs_response" }, previous_attributes: { status: "warning_needs_response" } },
      },
      { type: "charge.dispute.funds_withdrawn" },
    ]);
  });

  test("that only asks can be closed, and nothing else", async () => {
    const { local } = open;
    const { charge } = await buy();
    const { id } = local.disputeCharge(charge, { status: "warning_needs_response" });
    expect(() => local.closeDispute(id, "lost")).toThrow(/cannot become/);
    expect(local.closeDispute(id, "warning_closed")).toMatchObject({ status: "warning_closed" });
    expect(() => local.closeDispute(id, "warning_closed")).toThrow(/cannot become/);
  });

  test("is answered with evidence, and accepted by closing it", async () => {
    const { stripe, local, receiver } = open;
    const { charge } = await buy();
    const { id } = local.disputeCharge(charge);
    await local.settled();
    receiver.types();
    const answered = await stripe.disputes.update(id, {
      evidence: { product_description: "A book" },
      submit: true,
    });
    expect(answered).toMatchObject({
      status: "under_review",
      evidence: { product_description: "A book" },
      evidence_details: { has_evidence: true, submission_count: 1 },
    });
    expect(await stripe.disputes.close(id)).toMatchObject({ status: "lost" });
    await expect(stripe.disputes.close(id)).rejects.toMatchObject({ statusCode: 400 });
    await local.settled();
    expect(receiver.types()).toEqual(["charge.dispute.updated", "charge.dispute.closed"]);
  });

  test("stands in the way of a refund unless it only asks", async () => {
    const { stripe, local } = open;
    const disputed = await buy();
    local.disputeCharge(disputed.charge);
    await expect(stripe.refunds.create({ charge: disputed.charge })).rejects.toMatchObject({ code: "charge_disputed" });
    const asked = await buy();
    local.disputeCharge(asked.charge, { status: "warning_needs_response" });
    expect(await stripe.refunds.create({ charge: asked.charge })).toMatchObject({ amount: 1499 });
  });

  test("of nothing, or twice, is refused", async () => {
    const { local } = open;
    const { charge } = await buy();
    expect(() => local.disputeCharge("pi_nope")).toThrow(/no successful charge/);
    local.disputeCharge(charge);
    expect(() => local.disputeCharge(charge)).toThrow(/disputed already/);
  });
});

test("what is not there is 404", async () => {
  const { stripe } = open;
  const asked = [
    stripe.charges.retrieve("ch_nope"),
    stripe.refunds.retrieve("re_nope"),
    stripe.disputes.retrieve("du_nope"),
    stripe.disputes.close("du_nope"),
    stripe.invoices.retrieve("in_nope"),
    stripe.invoicePayments.retrieve("inpay_nope"),
    stripe.events.retrieve("evt_nope"),
    stripe.subscriptions.update("sub_nope", {}),
    stripe.subscriptions.cancel("sub_nope"),
  ];
  for (const error of await Promise.all(asked.map(refusal))) {
    expect(error).toMatchObject({ statusCode: 404, code: "resource_missing" });
  }
});
