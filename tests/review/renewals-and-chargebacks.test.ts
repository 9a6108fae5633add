import { afterEach, expect, test } from "vitest";
import { grant, signIn } from "../fakes/members.ts";
import { ask } from "../fakes/requests.ts";
import { paymentOf, salesOf, sessionFor } from "../fakes/sales.ts";
import { createWorld, type World, type WorldOptions } from "../fakes/world.ts";

const worlds: World[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

async function open(options: WorldOptions = {}): Promise<World> {
  const world = await createWorld({ webhooks: true, ...options });
  worlds.push(world);
  return world;
}

const minutes = 60_000;

test("an inquiry that becomes a chargeback takes back", async () => {
  const config: WorldOptions["config"] = (sample) => ({
    ...sample,
    plans: [{ ...sample.plans[0], price: { currency: "gbp", amountMinor: 1000, interval: null } }],
    offers: [{ ...sample.offers[0], redemption: { accountId: "acct_world" } }],
  });
  const world = await open({ config });
  const { id } = await sessionFor(world);
  world.stripe.pay(id, { email: "buyer@example.com" });
  await world.stripe.settled();
  const payment = paymentOf(world, id);
  world.stripe.disputeCharge(payment, { status: "warning_needs_response" });
  await world.stripe.settled();
  expect((await salesOf(world)).active).toHaveLength(1);
  world.stripe.disputeCharge(payment, { status: "needs_response" });
  await world.stripe.settled();
  expect(await salesOf(world)).toMatchObject({ active: [], purchases: [{ status: "disputed" }] });
});

test("a JWT made just after something that was bought ran out is soon made anew: its renewal may be on its way", async () => {
  const world = await open();
  const startMs = world.clock.now();
  await grant(world, { identifier: "reader_1", purchaseId: "pur_1", endedAt: startMs + 30 * minutes });
  const { refreshToken } = await signIn(world, "reader_1");
  const lifeAt = async (ms: number) => {
    world.clock.set(startMs + ms);
    const { body } = await ask(world, "POST", "/api/v1/members/refresh", { body: { refreshToken } });
    return Date.parse(body.expiresAt) - world.clock.now();
  };
  expect(await lifeAt(10 * minutes)).toBe(15 * minutes);
  expect(await lifeAt(30 * minutes)).toBeLessThanOrEqual(1.1 * minutes);
  expect(await lifeAt(89 * minutes)).toBeLessThanOrEqual(1.1 * minutes);
  await grant(world, { identifier: "reader_1", purchaseId: "pur_1", startedAt: startMs + 30 * minutes });
  expect(await lifeAt(89 * minutes)).toBe(15 * minutes);
});
