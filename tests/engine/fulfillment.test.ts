// Past 250 lines: one world shared by all that Stripe, the network and the buyer do.
import { afterEach, describe, expect, test } from "vitest";
import { fulfill } from "../../engine/fulfill.ts";
import { handleStripeEvent } from "../../engine/stripe-webhooks.ts";
import { askStripe, environmentOf, fulfillIn, pageSession, paymentOf, salesOf, sessionFor } from "../fakes/sales.ts";
import type { sampleConfig } from "../fakes/sample-config.ts";
import { createWorld, type World, type WorldOptions } from "../fakes/world.ts";

const worlds: World[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

async function open(options: WorldOptions = {}): Promise<World> {
  const world = await createWorld({ config: oneOff, ...options });
  worlds.push(world);
  return world;
}

/** A day pass, paid once: its session has a payment of its own. */
function oneOff(sample: ReturnType<typeof sampleConfig>, plan: Record<string, unknown> = {}) {
  const [offer] = sample.offers;
  return {
    ...sample,
    plans: [{ ...sample.plans[0], price: { currency: "gbp", amountMinor: 1000, interval: null }, ...plan }],
    offers: [{ ...offer, redemption: { accountId: "acct_world" } }],
  };
}

const mail = { email: "buyer@example.com" };

test("a paid session becomes one purchase, its entitlements, a member and one event of history", async () => {
  const world = await open();
  const { id } = await sessionFor(world);
  expect((await fulfillIn(world, id))?.state).toBe("open");
  world.stripe.pay(id, mail);
  const fulfilled = await fulfillIn(world, id);
  expect([fulfilled?.state, fulfilled?.purchase.status]).toEqual(["paid", "completed"]);
  const sales = await salesOf(world);
  expect(sales.purchases).toMatchObject([{ status: "completed", amountMinor: 1000, currency: "gbp" }]);
  const [member] = sales.members;
  expect(member).toMatchObject({ identifier: "buyer@example.com", email: "buyer@example.com" });
  const ends = Date.parse("2026-04-01T12:00:00Z");
  expect(sales.entitlements).toMatchObject([
    { identifier: "buyer@example.com", memberId: member?.id, startedAt: world.clock.now(), endedAt: ends },
  ]);
  expect(sales.history).toEqual(["purchase"]);
});

test("a thousand fulfilments at once, from webhook and return, complete a purchase once", async () => {
  const world = await open();
  const { id } = await pageSession(world);
  world.stripe.pay(id, mail);
  const environment = await environmentOf(world);
  const session = { accountId: "acct_world", sessionId: id };
  const event = (i: number) => ({ id: `evt_${i}`, type: "checkout.session.completed" });
  await Promise.all(
    Array.from({ length: 1000 }, (_, i) =>
      fulfill(world.engine, environment, i % 2 === 0 ? session : { ...session, event: event(i) }),
    ),
  );
  const sales = await salesOf(world);
  expect(sales).toMatchObject({ purchases: [{ status: "completed" }], history: ["purchase"] });
  expect([sales.purchases.length, sales.entitlements.length, sales.members.length]).toEqual([1, 1, 1]);
});

test("two servers that fulfil one session at once complete it once", async () => {
  const world = await open();
  const other = await open({ file: world.file, stripe: world.stripe });
  const { id } = await sessionFor(world);
  world.stripe.pay(id, mail);
  await Promise.all([world, other, world, other].map((server) => fulfillIn(server, id)));
  expect(await salesOf(other)).toMatchObject({ purchases: [{ status: "completed" }], history: ["purchase"] });
  expect((await salesOf(world)).entitlements).toHaveLength(1);
});

test("the seed's Annual Digital + Print gives two entitlements, one year each, to the day", async () => {
  const config = (sample: ReturnType<typeof sampleConfig>) =>
    oneOff(sample, {
      name: "Annual Digital + Print",
      products: ["digital", "print"],
      duration: "P1Y",
      price: { currency: "usd", amountMinor: 14900, interval: null },
    });
  const world = await open({ config });
  const { id } = await sessionFor(world);
  world.stripe.pay(id, mail);
  await fulfillIn(world, id);
  const { entitlements } = await salesOf(world);
  const shown = entitlements.map(({ startedAt, endedAt }) =>
    [startedAt, endedAt].map((ms) => new Date(ms ?? 0).toISOString()),
  );
  const year = ["2026-03-01T12:00:00.000Z", "2027-03-01T12:00:00.000Z"];
  expect(shown).toEqual([year, year]);
  expect(new Set(entitlements.map(({ productId }) => productId)).size).toBe(2);
});

test("what a member holds already stays beside what is bought again", async () => {
  const world = await open();
  for (let i = 0; i < 2; i++) {
    const { id } = await sessionFor(world);
    world.stripe.pay(id, mail);
    await fulfillIn(world, id);
    world.clock.advance(3_600_000);
  }
  const sales = await salesOf(world);
  expect([sales.active.length, sales.purchases.length, sales.members.length]).toEqual([2, 2, 1]);
});

describe("what Stripe, the network and the buyer do", () => {
  test("the buyer never returns: the webhook completes the purchase", async () => {
    const world = await open({ webhooks: true });
    const { id } = await pageSession(world);
    world.stripe.pay(id, mail);
    await world.stripe.settled();
    expect(await salesOf(world)).toMatchObject({ purchases: [{ status: "completed" }], active: [{}] });
    expect(world.faults).toEqual([]);
  });

  test("the webhook never comes: the buyer's return completes the purchase", async () => {
    const world = await open();
    const { id } = await pageSession(world);
    world.stripe.pay(id, mail);
    const back = world.stripe.sessions().find((session) => session.id === id)?.success_url ?? "";
    const answer = await world.app.request(back.replace("{CHECKOUT_SESSION_ID}", id));
    expect(answer.headers.get("location")).toContain("allegro_purchase_token=ptk_");
    expect(await salesOf(world)).toMatchObject({ purchases: [{ status: "completed" }], active: [{}] });
  });

  test("webhook and return come at once: one purchase", async () => {
    const world = await open({ webhooks: true });
    const { id } = await pageSession(world);
    const back = world.stripe.sessions().find((session) => session.id === id)?.success_url ?? "";
    world.stripe.pay(id, mail);
    const returns = Array.from({ length: 20 }, () => world.app.request(back.replace("{CHECKOUT_SESSION_ID}", id)));
    await Promise.all([world.stripe.settled(), ...returns]);
    const sales = await salesOf(world);
    expect(sales.history).toEqual(["purchase"]);
    expect([sales.purchases.length, sales.entitlements.length]).toEqual([1, 1]);
  });

  test("a refund is heard of before the completion: the purchase is refunded, and nothing is active", async () => {
    const world = await open();
    const { id } = await sessionFor(world);
    world.stripe.pay(id, mail);
    const payment = paymentOf(world, id);
    await askStripe(world, "/v1/refunds", { payment_intent: payment });
    await tell(world, { type: "charge.refunded", object: { id: "ch_1", payment_intent: payment } });
    expect(await salesOf(world)).toMatchObject({ purchases: [{ status: "refunded" }], active: [] });
    await tell(world, { type: "checkout.session.completed", object: { id } });
    const sales = await salesOf(world);
    expect(sales).toMatchObject({
      purchases: [{ status: "refunded" }],
      active: [],
      entitlements: [{ revokedBecause: "refund" }],
    });
    expect(sales.history.toSorted()).toEqual(["purchase", "refund"]);
  });

  test("a refund takes back what the purchase granted, unless the plan keeps it", async () => {
    for (const [onRefund, active] of [
      ["revoke", 0],
      ["keep", 1],
    ] as const) {
      const world = await open({ webhooks: true, config: (sample) => oneOff(sample, { onRefund }) });
      const { id } = await sessionFor(world);
      world.stripe.pay(id, mail);
      await world.stripe.settled();
      expect((await salesOf(world)).active).toHaveLength(1);
      await askStripe(world, "/v1/refunds", { payment_intent: paymentOf(world, id) });
      await world.stripe.settled();
      const sales = await salesOf(world);
      expect([sales.purchases[0]?.status, sales.active.length]).toEqual(["refunded", active]);
    }
  });

  test("a part of the money that goes back takes nothing back", async () => {
    const world = await open({ webhooks: true });
    const { id } = await sessionFor(world);
    world.stripe.pay(id, mail);
    await world.stripe.settled();
    await askStripe(world, "/v1/refunds", { payment_intent: paymentOf(world, id), amount: "300" });
    await world.stripe.settled();
    expect(await salesOf(world)).toMatchObject({ purchases: [{ status: "completed" }], active: [{}] });
  });

  test("a delayed payment succeeds, and that is heard of before the completion", async () => {
    const world = await open();
    const { id } = await sessionFor(world);
    world.stripe.pay(id, { ...mail, method: "delayed" });
    world.stripe.settleDelayedPayment(id, "succeeded");
    await tell(world, { type: "checkout.session.async_payment_succeeded", object: { id } });
    expect((await salesOf(world)).active).toHaveLength(1);
    await tell(world, { type: "checkout.session.completed", object: { id } });
    const sales = await salesOf(world);
    expect([sales.entitlements.length, sales.history]).toEqual([1, ["purchase"]]);
  });

  test("a delayed payment is waited for, and grants nothing until it arrives", async () => {
    const world = await open({ webhooks: true });
    const { id } = await sessionFor(world);
    world.stripe.pay(id, { ...mail, method: "delayed" });
    await world.stripe.settled();
    expect(await salesOf(world)).toMatchObject({
      purchases: [{ status: "pending", awaitingPayment: true }],
      entitlements: [],
    });
    world.stripe.settleDelayedPayment(id, "succeeded");
    await world.stripe.settled();
    expect(await salesOf(world)).toMatchObject({
      purchases: [{ status: "completed", awaitingPayment: false }],
      active: [{}],
    });
  });

  test("a delayed payment that fails grants nothing, and the offer may be redeemed again", async () => {
    const world = await open({ webhooks: true });
    const { id } = await sessionFor(world);
    world.stripe.pay(id, { ...mail, method: "delayed" });
    await world.stripe.settled();
    world.stripe.settleDelayedPayment(id, "failed");
    await world.stripe.settled();
    expect(await salesOf(world)).toMatchObject({ purchases: [{ status: "failed" }], entitlements: [], members: [] });
    expect((await sessionFor(world)).id).not.toBe(id);
  });

  test("a dispute takes access back, and one that is won gives it back", async () => {
    const world = await open({ webhooks: true });
    const { id } = await sessionFor(world);
    world.stripe.pay(id, mail);
    await world.stripe.settled();
    const dispute = world.stripe.disputeCharge(paymentOf(world, id));
    await world.stripe.settled();
    expect(await salesOf(world)).toMatchObject({ purchases: [{ status: "disputed" }], active: [] });
    world.stripe.closeDispute(dispute.id, "won");
    await world.stripe.settled();
    const sales = await salesOf(world);
    expect(sales).toMatchObject({ purchases: [{ status: "completed" }], active: [{ revokedBecause: null }] });
    expect(sales.history).toEqual(["purchase", "dispute", "dispute-won"]);
  });

  test("a dispute that is lost leaves access taken back; an inquiry takes nothing", async () => {
    const world = await open({ webhooks: true });
    const [lost, asked] = [await sessionFor(world), await sessionFor(world, { userIdentifier: "asked@example.com" })];
    for (const { id } of [lost, asked]) world.stripe.pay(id, mail);
    await world.stripe.settled();
    const dispute = world.stripe.disputeCharge(paymentOf(world, lost.id));
    world.stripe.disputeCharge(paymentOf(world, asked.id), { status: "warning_needs_response" });
    await world.stripe.settled();
    world.stripe.closeDispute(dispute.id, "lost");
    await world.stripe.settled();
    const { active, purchases } = await salesOf(world);
    expect(active.map(({ identifier }) => identifier)).toEqual(["asked@example.com"]);
    expect(purchases.map(({ status }) => status).toSorted()).toEqual(["completed", "disputed"]);
  });

  test("a session that expires gives its place back and grants nothing", async () => {
    const config = (sample: ReturnType<typeof sampleConfig>) => {
      const document = oneOff(sample);
      return { ...document, offers: [{ ...document.offers[0], limits: { total: 1 } }] };
    };
    const world = await open({ webhooks: true, config });
    const { id } = await sessionFor(world);
    world.stripe.expire(id);
    await world.stripe.settled();
    expect(await salesOf(world)).toMatchObject({ purchases: [{ status: "expired" }], entitlements: [] });
    expect((await sessionFor(world, { userIdentifier: "next@example.com" })).id).not.toBe(id);
  });

  test("Stripe does not answer: the webhook is refused, and its next delivery completes the purchase", async () => {
    const world = await open();
    const { id } = await sessionFor(world);
    world.stripe.pay(id, mail);
    world.stripe.chaos({ api: { error500: 1 } });
    await expect(fulfillIn(world, id)).rejects.toMatchObject({ code: "stripe_unreachable" });
    expect(await salesOf(world)).toMatchObject({ purchases: [{ status: "pending" }], entitlements: [] });
    world.stripe.chaos({});
    await fulfillIn(world, id);
    expect((await salesOf(world)).active).toHaveLength(1);
  });
});

/** A webhook by hand, for orders that Stripe itself seldom makes. */
async function tell(world: World, { type, object }: { type: string; object: { id: string; payment_intent?: string } }) {
  const event = { id: `evt_${crypto.randomUUID()}`, type, created: 0, data: { object } };
  await handleStripeEvent(world.engine, await environmentOf(world), "acct_world", event);
}

test("a buyer whom nobody knows becomes a member by the e-mail of the payment", async () => {
  const world = await open();
  const { id } = await pageSession(world);
  world.stripe.pay(id, { email: "New@Example.com" });
  await fulfillIn(world, id);
  const { members, active } = await salesOf(world);
  expect(members).toMatchObject([{ identifier: "new@example.com", email: "new@example.com" }]);
  expect(active[0]?.guest).toMatch(/^guest_/);
});

test("the purchase of a known buyer is the buyer's, whatever address was typed at Stripe", async () => {
  const world = await open();
  const victim = await sessionFor(world, { userIdentifier: "victim@example.com" });
  world.stripe.pay(victim.id, { email: "victim@example.com" });
  await fulfillIn(world, victim.id);
  const other = await sessionFor(world, { userIdentifier: "user_7" });
  world.stripe.pay(other.id, { email: "victim@example.com" });
  await fulfillIn(world, other.id);
  const { members, entitlements } = await salesOf(world);
  expect(members.map(({ identifier, email }) => [identifier, email])).toEqual([
    ["victim@example.com", "victim@example.com"],
    ["user_7", null],
  ]);
  expect(entitlements.map(({ identifier }) => identifier)).toEqual(["victim@example.com", "user_7"]);
});
