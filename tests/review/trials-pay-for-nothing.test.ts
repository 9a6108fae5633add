import { afterEach, expect, test } from "vitest";
import { handleStripeEvent } from "../../engine/stripe-webhooks.ts";
import { environmentOf, salesOf, sessionFor } from "../fakes/sales.ts";
import { createWorld, type World, type WorldOptions } from "../fakes/world.ts";

const worlds: World[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

const days = 86_400_000;

/** Somebody tries a plan for a week that lasts for a year once it is paid for. */
async function trying(options: WorldOptions = {}) {
  const config: WorldOptions["config"] = (sample) => ({
    ...sample,
    plans: [{ ...sample.plans[0], duration: "P1Y", onRefund: "keep" }],
    offers: [{ ...sample.offers[0], redemption: { ...sample.offers[0]?.redemption, trialDays: 7 } }],
  });
  const world = await createWorld({ webhooks: true, config, ...options });
  worlds.push(world);
  const { id } = await sessionFor(world);
  world.stripe.pay(id, { email: "buyer@example.com" });
  await world.stripe.settled();
  const [subscription] = world.stripe.subscriptions();
  expect((await salesOf(world)).active).toHaveLength(1);
  return { world, subscription: subscription?.id ?? "" };
}

async function pass(world: World, ms: number): Promise<void> {
  world.clock.advance(ms);
  world.stripe.tick();
  await world.stripe.settled();
}

test("a trial that is cancelled at once gives the days of the trial and not what they are a trial of", async () => {
  const { world, subscription } = await trying();
  const headers = { authorization: "Bearer sk_test_world" };
  await world.stripe.fetch(`http://stripe.test/v1/subscriptions/${subscription}`, { method: "DELETE", headers });
  await pass(world, 7 * days);
  expect(await salesOf(world)).toMatchObject({ active: [], purchases: [{ amountMinor: 0 }] });
});

test("a trial that is paid for at its end goes on for what it was a trial of", async () => {
  const { world } = await trying();
  await pass(world, 7 * days + 3_700_000);
  const { active, history } = await salesOf(world);
  expect(history).toEqual(["purchase", "renewal"]);
  expect(active.map(({ endedAt }) => new Date(endedAt ?? 0).toISOString().slice(0, 10))).toContain("2027-03-08");
});

test("a trial that is made longer lasts longer", async () => {
  let trialEnd: number | null = null;
  const between: WorldOptions["between"] = (stripeFetch) => async (input, init) => {
    const response = await stripeFetch(input, init);
    if (trialEnd === null || !new URL(new Request(input, init).url).pathname.startsWith("/v1/subscriptions/")) {
      return response;
    }
    const body: unknown = await response.json();
    return Response.json(Object.assign({}, body, { status: "trialing", trial_end: trialEnd }));
  };
  const { world, subscription } = await trying({ between });
  trialEnd = Math.floor((world.clock.now() + 20 * days) / 1000);
  for (const id of ["evt_1", "evt_2"]) {
    const event = { id, type: "customer.subscription.updated", created: 0, data: { object: { id: subscription } } };
    await handleStripeEvent(world.engine, await environmentOf(world), "acct_world", event);
  }
  const { entitlements } = await salesOf(world);
  expect(entitlements.map(({ endedAt }) => endedAt).at(-1)).toBe(trialEnd * 1000);
  expect(entitlements).toHaveLength(2);
});
