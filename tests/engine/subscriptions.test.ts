import { afterEach, expect, test } from "vitest";
import { handleStripeEvent } from "../../engine/stripe-webhooks.ts";
import { askStripe, environmentOf, salesOf, sessionFor } from "../fakes/sales.ts";
import type { sampleConfig } from "../fakes/sample-config.ts";
import { createWorld, type World, type WorldOptions } from "../fakes/world.ts";

const worlds: World[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

const days = 86_400_000;

/** A world where somebody has subscribed to Monthly Digital. */
async function subscribed(options: WorldOptions = {}) {
  const world = await createWorld({ webhooks: true, ...options });
  worlds.push(world);
  const { id } = await sessionFor(world);
  world.stripe.pay(id, { email: "buyer@example.com" });
  await world.stripe.settled();
  return { world, subscription: subscriptionOf(world) };
}

/** The only session's subscription and customer. */
function subscriptionOf(world: World): { id: string; customer: string } {
  const [session] = world.stripe.sessions();
  const { subscription, customer } = session ?? {};
  if (typeof subscription !== "string" || typeof customer !== "string") throw new Error("nobody subscribed");
  return { id: subscription, customer };
}

const plan = (change: Record<string, unknown>): WorldOptions => ({
  config: (sample: ReturnType<typeof sampleConfig>) => ({ ...sample, plans: [{ ...sample.plans[0], ...change }] }),
});

/** Lets time pass, at the server and at Stripe alike. */
async function pass(world: World, ms: number): Promise<void> {
  world.clock.advance(ms);
  world.stripe.tick();
  await world.stripe.settled();
}

const iso = (ms: number | null | undefined) =>
  typeof ms === "number" ? new Date(ms).toISOString().slice(0, 10) : null;

test("a subscription's first payment grants once, though its invoice is paid at the same time", async () => {
  const { world, subscription } = await subscribed();
  const sales = await salesOf(world);
  expect(sales).toMatchObject({ purchases: [{ status: "completed", subscriptionId: subscription.id }] });
  expect(sales.entitlements.map(({ endedAt }) => iso(endedAt))).toEqual(["2026-04-01"]);
});

test("a paid renewal extends by a new entitlement, without a gap, month after month", async () => {
  const { world } = await subscribed();
  for (const months of [1, 2, 3]) {
    await pass(world, 31 * days);
    const { active, history } = await salesOf(world);
    expect(active.length, `after ${months} months`).toBeGreaterThan(0);
    expect(history.filter((type) => type === "renewal")).toHaveLength(months);
  }
  const { entitlements } = await salesOf(world);
  const paid = entitlements.filter(({ cause }) => !cause.startsWith("period:"));
  expect(paid.map(({ startedAt, endedAt }) => [iso(startedAt), iso(endedAt)])).toEqual([
    ["2026-03-01", "2026-04-01"],
    ["2026-04-01", "2026-05-01"],
    ["2026-05-01", "2026-06-01"],
    ["2026-06-01", "2026-07-01"],
  ]);
});

test("a renewal that cannot be paid extends nothing beyond the days that it is waited for", async () => {
  const { world, subscription } = await subscribed();
  world.stripe.failPayments(subscription.customer);
  await pass(world, 31 * days);
  await pass(world, 4 * days);
  const { active, history } = await salesOf(world);
  expect([active, history.includes("renewal")]).toEqual([[], false]);
});

test("a subscription that ends at once takes back the rest; one that ends with its period just ends", async () => {
  const now = await subscribed();
  await cancel(now.world, now.subscription.id);
  expect(await salesOf(now.world)).toMatchObject({
    active: [],
    entitlements: [{ revokedBecause: "subscription" }],
    history: ["purchase", "subscription-ended"],
  });

  const later = await subscribed();
  await askStripe(later.world, `/v1/subscriptions/${later.subscription.id}`, { cancel_at_period_end: "true" });
  await later.world.stripe.settled();
  expect((await salesOf(later.world)).active).toHaveLength(1);
  await pass(later.world, 31 * days);
  const { active, entitlements } = await salesOf(later.world);
  expect([active, entitlements.map(({ revokedAt }) => revokedAt)]).toEqual([[], [null]]);
});

test("a plan that keeps lets what was paid for run out, and ends what had no end", async () => {
  const bounded = await subscribed(plan({ onRefund: "keep" }));
  await cancel(bounded.world, bounded.subscription.id);
  expect((await salesOf(bounded.world)).active).toHaveLength(1);

  const endless = await subscribed(plan({ onRefund: "keep", duration: null }));
  expect((await salesOf(endless.world)).active).toMatchObject([{ endedAt: null }]);
  await cancel(endless.world, endless.subscription.id);
  const { active, entitlements } = await salesOf(endless.world);
  expect([active, entitlements[0]?.revokedAt]).toEqual([[], null]);
});

test("a plan without a duration lasts as long as its subscription", async () => {
  const { world, subscription } = await subscribed(plan({ duration: null }));
  await pass(world, 100 * days);
  expect((await salesOf(world)).active.length).toBeGreaterThan(0);
  await cancel(world, subscription.id);
  expect((await salesOf(world)).active).toEqual([]);
});

test("the refund of a renewal takes back that period alone", async () => {
  const { world } = await subscribed();
  await pass(world, 20 * days);
  await pass(world, 11 * days);
  const { entitlements } = await salesOf(world);
  const renewed = entitlements.find(({ cause }) => cause.startsWith("invoice:"));
  await askStripe(world, "/v1/refunds", { payment_intent: renewed?.paymentIntentId ?? "" });
  await world.stripe.settled();
  const after = await salesOf(world);
  const revoked = after.entitlements.filter(({ revokedAt }) => revokedAt !== null).map(({ cause }) => cause);
  expect([revoked, after.purchases[0]?.status]).toEqual([[renewed?.cause], "completed"]);
});

test("a renewal that is told of twice, late and before anything else extends once", async () => {
  const { world, subscription } = await subscribed();
  await pass(world, 31 * days);
  const { entitlements } = await salesOf(world);
  const invoice = entitlements.find(({ cause }) => cause.startsWith("invoice:"))?.cause.slice("invoice:".length) ?? "";
  const parent = { subscription_details: { subscription: subscription.id } };
  for (let i = 0; i < 3; i++) {
    const event = { id: `evt_late_${i}`, type: "invoice.paid", created: 0, data: { object: { id: invoice, parent } } };
    await handleStripeEvent(world.engine, await environmentOf(world), "acct_world", event);
  }
  expect((await salesOf(world)).entitlements).toHaveLength(entitlements.length);
});

test("a renewal is heard of before the purchase: the purchase is completed first", async () => {
  const world = await createWorld();
  worlds.push(world);
  const { id } = await sessionFor(world);
  world.stripe.pay(id, { email: "buyer@example.com" });
  const updated = { id: subscriptionOf(world).id };
  const event = { id: "evt_1", type: "customer.subscription.updated", created: 0, data: { object: updated } };
  await handleStripeEvent(world.engine, await environmentOf(world), "acct_world", event);
  expect(await salesOf(world)).toMatchObject({ purchases: [{ status: "completed" }], active: [{}] });
});

async function cancel(world: World, id: string): Promise<void> {
  const response = await world.stripe.fetch(`http://stripe.test/v1/subscriptions/${id}`, {
    method: "DELETE",
    headers: { authorization: "Bearer sk_test_world" },
  });
  expect(response.status).toBe(200);
  await world.stripe.settled();
}
