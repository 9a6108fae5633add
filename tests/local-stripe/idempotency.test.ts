import { expect, test } from "vitest";
import { clientOf, openStripe, payment, refusal, send } from "./fixture.ts";

const body = "name=Once";

test("the same key and body give the first answer again", async () => {
  const { local } = openStripe();
  const headers = { "idempotency-key": "key-1" };
  const first = await send(local, "POST", "/v1/products", { body, headers });
  const again = await send(local, "POST", "/v1/products", { body, headers });
  expect(first.headers.get("idempotent-replayed")).toBeNull();
  expect(again.headers.get("idempotent-replayed")).toBe("true");
  expect(again.headers.get("original-request")).toBe(first.headers.get("request-id"));
  expect(again.headers.get("request-id")).not.toBe(first.headers.get("request-id"));
  expect(await again.text()).toBe(await first.text());
});

test("a refusal made by the endpoint is the first answer too", async () => {
  const { stripe, local } = openStripe();
  const params = { ...payment, line_items: [{ price: "price_late", quantity: 1 }] };
  const first = await refusal(stripe.checkout.sessions.create(params, { idempotencyKey: "key-1" }));
  local.putCatalogue({ prices: [{ id: "price_late", product: "prod_book", currency: "gbp", unitAmount: 500 }] });
  const again = await refusal(stripe.checkout.sessions.create(params, { idempotencyKey: "key-1" }));
  expect(again.message).toBe(first.message);
  expect(await stripe.checkout.sessions.create(params, { idempotencyKey: "key-2" })).toMatchObject({
    amount_total: 500,
  });
});

test("parameters refused before the endpoint began leave the key free", async () => {
  const { local } = openStripe();
  const headers = { "idempotency-key": "key-1" };
  expect((await send(local, "POST", "/v1/products", { body: "nom=x", headers })).status).toBe(400);
  expect((await send(local, "POST", "/v1/products", { body, headers })).status).toBe(200);
});

test("another body with the same key is refused", async () => {
  const { stripe } = openStripe();
  await stripe.products.create({ name: "One" }, { idempotencyKey: "key-1" });
  const error = await refusal(stripe.products.create({ name: "Two" }, { idempotencyKey: "key-1" }));
  expect(error).toMatchObject({ statusCode: 400, type: "StripeIdempotencyError" });
  expect(error.message).toContain("can only be used with the same parameters they were first used with");
});

test("another path with the same key is refused", async () => {
  const { stripe } = openStripe();
  await stripe.products.create({ name: "One" }, { idempotencyKey: "key-1" });
  const error = await refusal(stripe.customers.create({ name: "One" }, { idempotencyKey: "key-1" }));
  expect(error).toMatchObject({ statusCode: 400, type: "StripeIdempotencyError" });
  expect(error.message).toContain("('/v1/customers' vs '/v1/products')");
});

test("a key that is too long is refused", async () => {
  const { stripe } = openStripe();
  const error = await refusal(stripe.products.create({ name: "One" }, { idempotencyKey: "k".repeat(256) }));
  expect(error.statusCode).toBe(400);
});

test("while the first request is in flight the second gets 409, and the answer afterwards", async () => {
  const arrived = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const { local } = openStripe({
    beforeAnswer: async () => {
      arrived.resolve();
      await release.promise;
    },
  });
  const headers = { "idempotency-key": "key-1" };
  const first = send(local, "POST", "/v1/products", { body, headers });
  await arrived.promise;
  const second = await send(local, "POST", "/v1/products", { body, headers });
  expect(second.status).toBe(409);
  expect(second.headers.get("stripe-should-retry")).toBe("true");
  expect(await second.json()).toMatchObject({ error: { code: "idempotency_key_in_use" } });
  release.resolve();
  expect((await first).status).toBe(200);
  const third = await send(local, "POST", "/v1/products", { body, headers });
  expect(await third.text()).toBe(await (await first).text());
});

test("fifty racing requests with one key make one object", async () => {
  const { local } = openStripe({ beforeAnswer: () => new Promise<void>((resolve) => setImmediate(resolve)) });
  const headers = { "idempotency-key": "key-1" };
  const race = Array.from({ length: 50 }, () => send(local, "POST", "/v1/products", { body, headers }));
  const answers = await Promise.all(race);
  const statuses = answers.map(({ status }) => status);
  expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(0);
  expect(statuses.every((status) => status === 200 || status === 409)).toBe(true);
  const ids = await Promise.all(answers.filter(({ ok }) => ok).map(async (answer) => idOf(await answer.json())));
  expect(new Set(ids).size).toBe(1);
  const list = await send(local, "GET", "/v1/products?limit=100");
  expect((await list.text()).match(/"Once"/g)).toHaveLength(1);
});

test("fifty racing clients that retry all get the one session", async () => {
  const { local } = openStripe();
  const stripe = clientOf(local.fetch, { maxNetworkRetries: 3 });
  const race = Array.from({ length: 50 }, () => stripe.checkout.sessions.create(payment, { idempotencyKey: "key-1" }));
  const sessions = await Promise.all(race);
  expect(new Set(sessions.map(({ id }) => id)).size).toBe(1);
  expect(local.sessions()).toHaveLength(1);
});

test("after 24 hours a key is free again", async () => {
  const { stripe, clock } = openStripe();
  const first = await stripe.products.create({ name: "One" }, { idempotencyKey: "key-1" });
  clock.advance(86_399);
  expect((await stripe.products.create({ name: "One" }, { idempotencyKey: "key-1" })).id).toBe(first.id);
  clock.advance(2);
  expect((await stripe.products.create({ name: "One" }, { idempotencyKey: "key-1" })).id).not.toBe(first.id);
});

test("a key means nothing on GET", async () => {
  const { local } = openStripe();
  const headers = { "idempotency-key": "key-1" };
  const first = await send(local, "GET", "/v1/products", { headers });
  const other = await send(local, "GET", "/v1/prices", { headers });
  expect([first.status, other.status]).toEqual([200, 200]);
});

function idOf(answer: unknown): unknown {
  return typeof answer === "object" && answer !== null && "id" in answer ? answer.id : undefined;
}
