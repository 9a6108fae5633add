import { afterEach, expect, test } from "vitest";
import { ask } from "../fakes/requests.ts";
import { pageSession, salesOf } from "../fakes/sales.ts";
import { createWorld, type World, type WorldOptions } from "../fakes/world.ts";

const worlds: World[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

async function limited(limits: Record<string, number>): Promise<World> {
  const config: WorldOptions["config"] = (sample) => ({ ...sample, offers: [{ ...sample.offers[0], limits }] });
  const world = await createWorld({ config, webhooks: true });
  worlds.push(world);
  return world;
}

test("a buyer who goes back from the checkout gives the place back and may begin again", async () => {
  const world = await limited({ total: 1 });
  for (let i = 0; i < 3; i++) {
    const { id } = await pageSession(world);
    const cancelled = world.stripe.sessions().find((session) => session.id === id)?.cancel_url ?? "";
    const back = await ask(world, "GET", cancelled, { key: null });
    expect(back.headers.get("location")).toContain("allegro_purchase_error=payment_failed");
    await world.stripe.settled();
  }
  expect((await salesOf(world)).purchases.map(({ status }) => status)).toEqual(["expired", "expired", "expired"]);
});

test("a buyer who paid in another tab is not held to have left", async () => {
  const world = await limited({ total: 1 });
  const { id } = await pageSession(world);
  const cancelled = world.stripe.sessions().find((session) => session.id === id)?.cancel_url ?? "";
  world.stripe.pay(id, { email: "buyer@example.com" });
  await ask(world, "GET", cancelled, { key: null });
  await world.stripe.settled();
  expect(await salesOf(world)).toMatchObject({ purchases: [{ status: "completed" }], active: [{}] });
});

test("whoever leaves the checkout of an offer without limits may go back to it", async () => {
  const world = await limited({});
  const { id } = await pageSession(world);
  const cancelled = world.stripe.sessions().find((session) => session.id === id)?.cancel_url ?? "";
  await ask(world, "GET", cancelled, { key: null });
  expect(world.stripe.sessions().find((session) => session.id === id)?.status).toBe("open");
});
