import { afterEach, expect, test } from "vitest";
import type { Json } from "../../schemas/json.ts";
import { redemptions } from "../../schemas/tables.ts";
import { askAsPage, fulfillIn, pageSession, salesOf } from "../fakes/sales.ts";
import { createWorld, origin, type World } from "../fakes/world.ts";

let world: World;
afterEach(() => world.close());

/** A world whose Stripe answers as it does, and from `odd` on with `answer` to one method about Checkout Sessions. */
async function oddly(method: "GET" | "POST", answer: (given: Record<string, unknown>) => unknown) {
  const state = { odd: false };
  world = await createWorld({
    between: (stripeFetch) => async (input, init) => {
      const request = new Request(input, init);
      const isOdd = state.odd && request.method === method && request.url.includes("/v1/checkout/sessions");
      const response = await stripeFetch(request);
      return isOdd ? Response.json(answer(Object(await response.json()))) : response;
    },
  });
  return state;
}

const shapes: [string, Json][] = [
  ["an empty object", {}],
  ["null", null],
  ["a list", []],
];

test.each(shapes)("%s in place of a session is no word of Stripe's, and no fault of this server", async (_, shape) => {
  const state = await oddly("GET", () => shape);
  const { id } = await pageSession(world);
  world.stripe.pay(id, { email: "buyer@example.com" });
  state.odd = true;
  await expect(fulfillIn(world, id)).rejects.toMatchObject({ code: "stripe_unreachable", cause: expect.any(Error) });
  state.odd = false;
  expect(await fulfillIn(world, id)).toMatchObject({ state: "paid" });
});

test("what Stripe says of another session is not believed of the one that was asked for", async () => {
  const state = await oddly("GET", (given) => ({ ...given, id: "cs_test_another" }));
  const { id } = await pageSession(world);
  world.stripe.pay(id, { email: "buyer@example.com" });
  state.odd = true;
  await expect(fulfillIn(world, id)).rejects.toMatchObject({ code: "stripe_unreachable" });
  expect((await salesOf(world)).entitlements).toEqual([]);
});

const sessions: [string, Json][] = [
  ["a session whose id is none", { id: "pi_1", url: "https://stripe.test/c/pay/pi_1" }],
  ["a session with a script as its address", { id: "cs_test_1", url: "javascript:alert(1)" }],
  ["a session with half an address", { id: "cs_test_1", url: "/c/pay/cs_test_1" }],
];

test.each([...shapes, ...sessions])("%s in place of a new session begins no purchase", async (_, shape) => {
  const state = await oddly("POST", () => shape);
  state.odd = true;
  const answer = await askAsPage(world, "/api/v1/purchases", { planId: "monthly", returnUrl: `${origin}/story` });
  expect([answer.status, answer.body.code]).toEqual([502, "checkout_refused"]);
  expect(world.faults).toEqual([expect.stringContaining("Stripe refused a Checkout Session")]);
  expect((await salesOf(world)).purchases).toEqual([]);
  // its place is free again
  expect(await world.engine.storage.db.select().from(redemptions)).toMatchObject([{ status: "failed" }]);
});
