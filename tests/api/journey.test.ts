import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, decideFor, redeemAs } from "../fakes/requests.ts";
import { createWorld, type World } from "../fakes/world.ts";

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

test("a decision presents the offer with a signed token", async () => {
  const { status, body } = await decideFor(world, { userIdentifier: "buyer@example.com" });
  expect(status).toBe(200);
  expect(body).toMatchObject({
    status: "success",
    identity: { authType: "provided", isAuthenticated: true, identifier: "buyer@example.com", jwtClaims: {} },
    customer: { isCustomer: false, hasProducts: false, customerIdentifiers: [] },
    features: {},
    surfaceBehavior: {},
    componentsSkipped: false,
    offers: [
      {
        id: expect.stringMatching(/^off_[0-9a-f]{8}$/),
        presentation: { title: "Premium Monthly", price: "£10.00" },
        redemptionSchema: "mos:stripe-checkout-instructions",
        token: expect.stringMatching(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/),
      },
    ],
  });
  expect(body.eventId).toMatch(/^[0-9a-f-]{36}$/);
});

test("redeeming the token answers with the Checkout Session's page", async () => {
  const { body: decision } = await decideFor(world, { userIdentifier: "buyer@example.com" });
  const { status, body } = await redeemAs(world, { userIdentifier: "buyer@example.com" }, decision.offers[0].token);
  expect(body).toEqual({
    status: "success",
    statusCode: 200,
    eventId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    identity: { authType: "provided", isAuthenticated: true, identifier: "buyer@example.com", jwtClaims: {} },
    action: {
      type: "navigate",
      properties: {},
      url: expect.stringMatching(/^http:\/\/stripe\.test\/c\/pay\/cs_test_/),
    },
  });
  expect(status).toBe(200);
});

test("an anonymous visitor is sent to sign up with the token", async () => {
  const identity = { anonymousIdentifier: "anon_1" };
  const { body: decision } = await decideFor(world, identity);
  const { token } = decision.offers[0];
  const { status, body } = await redeemAs(world, identity, token);
  expect(status).toBe(401);
  expect(body).toMatchObject({
    status: "error",
    statusCode: 401,
    eventId: expect.any(String),
    action: { type: "navigate", url: `https://example.com/sign-up?offerToken=${token}` },
  });
});

test("fifty requests at once get one answer from one run and one session", async () => {
  const identity = { userIdentifier: "many@example.com" };
  const { body: decision } = await decideFor(world, identity);
  const before = world.stripe.requestCount("POST /v1/checkout/sessions");
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => redeemAs(world, identity, decision.offers[0].token)),
  );
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  expect(answers[0]?.status).toBe(200);
  expect(world.stripe.requestCount("POST /v1/checkout/sessions") - before).toBe(1);
});

test("the event of a redemption is found with a secret key", async () => {
  const identity = { userIdentifier: "event@example.com" };
  const { body: decision } = await decideFor(world, identity);
  const { body } = await redeemAs(world, identity, decision.offers[0].token);
  const { status, body: found } = await ask(world, "GET", `/api/v1/events/${body.eventId}`);
  expect(status).toBe(200);
  expect(found.event).toMatchObject({ type: "offer-redemption", status: "success", identifier: "event@example.com" });
  expect(found.event.data.run.hostCalls).toHaveLength(1);
  expect(JSON.stringify(found)).not.toContain("sk_test_world");
  expect(JSON.stringify(found)).not.toContain(decision.offers[0].token);
});
