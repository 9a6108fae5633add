import { afterEach, expect, test } from "vitest";
import { handleStripeEvent } from "../../engine/stripe-webhooks.ts";
import { askStripe, environmentOf, salesOf, sessionFor } from "../fakes/sales.ts";
import type { sampleConfig } from "../fakes/sample-config.ts";
import { createWorld, type World, type WorldOptions } from "../fakes/world.ts";

const worlds: World[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

/** Somebody subscribed to a plan that lasts as long as its subscription: what stays by mistake stays for ever. */
async function subscribed(options: WorldOptions = {}) {
  const config = (sample: ReturnType<typeof sampleConfig>) => ({
    ...sample,
    plans: [{ ...sample.plans[0], duration: null }],
  });
  const world = await createWorld({ webhooks: true, config, ...options });
  worlds.push(world);
  const { id } = await sessionFor(world);
  world.stripe.pay(id, { email: "buyer@example.com" });
  await world.stripe.settled();
  const { purchases, active } = await salesOf(world);
  expect(active).toHaveLength(1);
  return {
    world,
    payment: purchases[0]?.paymentIntentId ?? "",
    subscription: purchases[0]?.subscriptionId ?? "",
  };
}

async function cancel({ stripe }: World, id: string): Promise<void> {
  const headers = { authorization: "Bearer sk_test_world" };
  const response = await stripe.fetch(`http://stripe.test/v1/subscriptions/${id}`, { method: "DELETE", headers });
  expect(response.status).toBe(200);
}

/** Stripe tells of a subscription, by an event that no world has had before. */
async function tellOf(world: World, subscription: string, type = "customer.subscription.updated") {
  const event = { id: `evt_${crypto.randomUUID()}`, type, created: 0, data: { object: { id: subscription } } };
  await handleStripeEvent(world.engine, await environmentOf(world), "acct_world", event);
}

/** Lets a test say what Stripe's subscriptions are like, where the local Stripe knows no such state. */
function statuses() {
  const said: { status: string | null; latest_invoice?: object } = { status: null };
  const between: WorldOptions["between"] = (stripeFetch) => async (input, init) => {
    const response = await stripeFetch(input, init);
    if (said.status === null || !new URL(new Request(input, init).url).pathname.startsWith("/v1/subscriptions/")) {
      return response;
    }
    const body: unknown = await response.json();
    return Response.json(Object.assign({}, body, said));
  };
  return { said, between };
}

test("a dispute that is won gives nothing back where the subscription has ended meanwhile", async () => {
  const { world, payment, subscription } = await subscribed();
  const dispute = world.stripe.disputeCharge(payment);
  await world.stripe.settled();
  expect((await salesOf(world)).active).toEqual([]);
  await cancel(world, subscription);
  await world.stripe.settled();
  world.stripe.closeDispute(dispute.id, "won");
  await world.stripe.settled();
  expect(await salesOf(world)).toMatchObject({ active: [], purchases: [{ status: "completed" }] });
});

test("a subscription that goes on gives nothing back that was refunded meanwhile", async () => {
  const { said, between } = statuses();
  const { world, payment, subscription } = await subscribed({ between });
  said.status = "unpaid";
  await tellOf(world, subscription);
  await askStripe(world, "/v1/refunds", { payment_intent: payment });
  await world.stripe.settled();
  said.status = "active";
  await tellOf(world, subscription);
  expect(await salesOf(world)).toMatchObject({ active: [], entitlements: [{ revokedBecause: "refund" }] });
});

test("a subscription that goes on gives back what was disputed meanwhile when the dispute is won", async () => {
  const { said, between } = statuses();
  const { world, payment, subscription } = await subscribed({ between });
  said.status = "unpaid";
  await tellOf(world, subscription);
  const dispute = world.stripe.disputeCharge(payment);
  await world.stripe.settled();
  said.status = "active";
  await tellOf(world, subscription);
  expect((await salesOf(world)).active).toEqual([]);
  world.stripe.closeDispute(dispute.id, "won");
  await world.stripe.settled();
  expect((await salesOf(world)).active).toHaveLength(1);
});

test("an answer of Stripe's that was overtaken by a subscription's end gives nothing back", async () => {
  let held: PromiseWithResolvers<void> | null = null;
  const reached = Promise.withResolvers<void>();
  const between: WorldOptions["between"] = (stripeFetch) => async (input, init) => {
    const response = await stripeFetch(input, init);
    const wait = new URL(new Request(input, init).url).pathname.startsWith("/v1/subscriptions/") ? held : null;
    if (wait === null) return response;
    held = null;
    reached.resolve();
    await wait.promise;
    return response;
  };
  const { world, subscription } = await subscribed({ between });
  const slow = Promise.withResolvers<void>();
  held = slow;
  const late = tellOf(world, subscription);
  await reached.promise;
  await cancel(world, subscription);
  await world.stripe.settled();
  expect((await salesOf(world)).active).toEqual([]);
  slow.resolve();
  await late;
  expect((await salesOf(world)).active).toEqual([]);
});

test("the refund of the first payment takes back nothing that was granted for a later period", async () => {
  const { said, between } = statuses();
  const world = await createWorld({ between });
  worlds.push(world);
  const { id } = await sessionFor(world);
  world.stripe.pay(id, { email: "buyer@example.com" });
  const subscription = String(world.stripe.subscriptions()[0]?.id);
  await tellOf(world, subscription);
  Object.assign(said, { status: "active", latest_invoice: { id: "in_draft", status: "draft" } });
  world.clock.advance(31 * 86_400_000);
  world.stripe.tick();
  // the next period has begun, and its invoice is on its way: a bridge, which no payment of its own has paid for
  await tellOf(world, subscription);
  expect((await salesOf(world)).active).toMatchObject([{ cause: expect.stringMatching(/^period:/) }]);
  const { purchases } = await salesOf(world);
  const payment = purchases[0]?.paymentIntentId ?? "";
  await askStripe(world, "/v1/refunds", { payment_intent: payment });
  const object = { id: "ch_1", payment_intent: payment };
  const event = { id: "evt_refund", type: "charge.refunded", created: 0, data: { object } };
  await handleStripeEvent(world.engine, await environmentOf(world), "acct_world", event);
  expect(await salesOf(world)).toMatchObject({ purchases: [{ status: "refunded" }], active: [{}] });
});
