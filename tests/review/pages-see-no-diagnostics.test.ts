import { afterEach, expect, test } from "vitest";
import { ask } from "../fakes/requests.ts";
import { askAsPage } from "../fakes/sales.ts";
import { createWorld, origin, type World, type WorldOptions } from "../fakes/world.ts";

const worlds: World[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

async function open(options: WorldOptions): Promise<World> {
  const world = await createWorld(options);
  worlds.push(world);
  return world;
}

const body = { planId: "monthly", returnUrl: `${origin}/` };

test("a page is not told what Stripe says of the account's key; the operator is", async () => {
  const message = "Invalid API Key provided: sk_test_****************abcd";
  const world = await open({
    between: () => async () => Response.json({ error: { type: "invalid_request_error", message } }, { status: 401 }),
  });
  const page = await askAsPage(world, "/api/v1/purchases", body);
  expect([page.status, page.body.code]).toEqual([502, "checkout_refused"]);
  expect(page.text).not.toContain("sk_");
  expect(world.faults.join()).toContain(message);
  const server = await ask(world, "POST", "/api/v1/purchases", { body });
  expect(server.body.message).toContain(message);
});

test("a page is not told which offers it is not shown, nor for whom they are", async () => {
  const config: WorldOptions["config"] = (sample) => ({
    ...sample,
    offers: [{ ...sample.offers[0], name: "Staff, 90 % off", filters: { products: { include: ["print"] } } }],
  });
  const world = await open({ config });
  const page = await askAsPage(world, "/api/v1/purchases", body);
  expect(page.body.code).toBe("plan_not_for_sale");
  expect(page.text).not.toMatch(/Staff|print/);
  const server = await ask(world, "POST", "/api/v1/purchases", { body });
  expect(server.body.message).toContain("only for those who hold product print");
});
