import { Stripe } from "stripe";
import { afterEach, describe, expect, test } from "vitest";
import type { ChaosOptions } from "../../local-stripe/chaos.ts";
import { serveLocalStripe } from "../../local-stripe/serve.ts";
import { buyer, catalogue, clientOf, openWithReceiver, payment, refusal, secretKey, send } from "./fixture.ts";

let open: ReturnType<typeof openWithReceiver>;
afterEach(() => open.local.close());

function withFaults(chaos: ChaosOptions) {
  open = openWithReceiver({ chaos });
  return open;
}

/** Purchases by card, their events sent as far as they are due. */
async function buy(count = 1) {
  for (let index = 0; index < count; index++) {
    const { id } = await open.stripe.checkout.sessions.create(payment);
    open.local.pay(id, buyer);
  }
  await open.local.settled();
}

describe("a request", () => {
  test("is refused as one too many, and nothing has been done", async () => {
    const { stripe, local } = withFaults({ api: { error429: 1 } });
    const error = await refusal(stripe.checkout.sessions.create(payment));
    expect(error).toMatchObject({ statusCode: 429, type: "StripeRateLimitError", code: "rate_limit" });
    expect(local.sessions()).toEqual([]);
  });

  test("meets a fault of Stripe's, nothing has been done, and its key is still free", async () => {
    const { stripe, local } = withFaults({ api: { error500: 1 } });
    const once = { idempotencyKey: "key-1" };
    const error = await refusal(stripe.checkout.sessions.create(payment, once));
    expect(error).toMatchObject({ statusCode: 500, type: "StripeAPIError" });
    expect(local.sessions()).toEqual([]);
    local.chaos({});
    expect(await stripe.checkout.sessions.create(payment, once)).toMatchObject({ status: "open" });
  });

  test("is cut off before anything is done", async () => {
    const { stripe, local } = withFaults({ api: { dropBeforeWork: 1 } });
    expect(await refusal(stripe.checkout.sessions.create(payment))).toMatchObject({ type: "StripeConnectionError" });
    expect(local.sessions()).toEqual([]);
    expect(local.requests()).toEqual([{ method: "POST", path: "/v1/checkout/sessions", status: 0 }]);
    await expect(local.fetch("http://stripe.test/v1/account", { headers: bearer })).rejects.toThrow(TypeError);
  });

  test("is done and then cut off: the same key gets the answer", async () => {
    const { stripe, local } = withFaults({ api: { timeoutAfterWork: 1 } });
    const once = { idempotencyKey: "key-1" };
    expect(await refusal(stripe.checkout.sessions.create(payment, once))).toMatchObject({
      type: "StripeConnectionError",
    });
    expect(local.sessions()).toHaveLength(1);
    local.chaos({});
    const session = await stripe.checkout.sessions.create(payment, once);
    expect(local.sessions()).toMatchObject([{ id: session.id }]);
  });

  test("of a client that retries gets through", async () => {
    const { local } = withFaults({
      seed: 7,
      api: { error500: 0.2, dropBeforeWork: 0.1, timeoutAfterWork: 0.2 },
    });
    const stripe = clientOf(local.fetch, { maxNetworkRetries: 5 });
    for (let index = 0; index < 10; index++) {
      await stripe.products.create({ name: `Issue ${index}` });
    }
    local.chaos({});
    const { data } = await stripe.products.list({ limit: 100 });
    expect(data.filter(({ name }) => name.startsWith("Issue"))).toHaveLength(10);
  });

  test("without a secret key meets no chaos", async () => {
    const { local } = withFaults({ api: { error500: 1 } });
    const answer = await send(local, "GET", "/v1/account", { headers: { authorization: "Bearer sk_test_wrong" } });
    expect(answer.status).toBe(401);
  });
});

const bearer = { authorization: `Bearer ${secretKey}` };

test("on a listening server a cut is a broken connection", async () => {
  open = openWithReceiver();
  const served = await serveLocalStripe({ port: 0, secretKeys: [secretKey], catalogue });
  const order = (key: string) =>
    fetch(`${served.url}/v1/products`, {
      method: "POST",
      headers: { ...bearer, "content-type": "application/x-www-form-urlencoded", "idempotency-key": key },
      body: "name=Cut",
    });
  served.chaos({ api: { dropBeforeWork: 1 } });
  await expect(order("key-1")).rejects.toThrow(TypeError);
  served.chaos({ api: { timeoutAfterWork: 1 } });
  await expect(order("key-1")).rejects.toThrow(TypeError);
  served.chaos({});
  const answer = await order("key-1");
  expect(answer.headers.get("idempotent-replayed")).toBe("true");
  const client = new Stripe(secretKey, { protocol: "http", host: "127.0.0.1", port: Number(new URL(served.url).port) });
  const { data } = await client.products.list();
  expect(data.filter(({ name }) => name === "Cut")).toHaveLength(1);
  await served.stop();
});

describe("an event", () => {
  test("is lost on its way and comes by schedule", async () => {
    const { local, receiver, clock } = withFaults({ webhooks: { drop: 1 } });
    await buy();
    expect(receiver.bodies).toEqual([]);
    expect(local.deliveries()).toMatchObject([
      { attempts: 1, lastStatus: null },
      { attempts: 1, lastStatus: null },
      { attempts: 1, lastStatus: null },
    ]);
    local.chaos({});
    clock.advance(1);
    await local.settled();
    expect(receiver.types()).toHaveLength(3);
  });

  test("is lost for good, and only the list of events knows of it", async () => {
    const { stripe, local, receiver, clock } = withFaults({ webhooks: { dropForever: 1 } });
    await buy();
    clock.advance(7 * 86_400);
    await local.settled();
    expect(receiver.types()).toEqual([]);
    expect(local.deliveries().map(({ state }) => state)).toEqual(["lost", "lost", "lost"]);
    const { data } = await stripe.events.list({ delivery_success: false });
    expect(data.map((event) => event.pending_webhooks)).toEqual([1, 1, 1]);
  });

  test("is delivered twice", async () => {
    const { receiver } = withFaults({ webhooks: { duplicate: 1 } });
    await buy();
    expect(receiver.events).toHaveLength(6);
    expect(new Set(receiver.events.map(({ id }) => id)).size).toBe(3);
  });

  test("comes late by the clock", async () => {
    const { local, receiver, clock } = withFaults({ webhooks: { delayMs: [60_000, 120_000] } });
    await buy();
    clock.advance(59);
    await local.settled();
    expect(receiver.types()).toEqual([]);
    clock.advance(61);
    await local.settled();
    expect(receiver.types()).toHaveLength(3);
  });

  test("is overtaken by later ones, and none is left behind", async () => {
    const { receiver, stripe } = withFaults({ seed: 3, webhooks: { reorder: 0.4 } });
    await buy(10);
    const sent = receiver.events.map(({ id }) => id);
    const { data } = await stripe.events.list({ limit: 100 });
    const happened = data.map(({ id }) => id).reverse();
    expect(sent).not.toEqual(happened);
    expect(sent.toSorted()).toEqual(happened.toSorted());
  });

  test("that everything is held back with still comes", async () => {
    const { receiver } = withFaults({ webhooks: { reorder: 1 } });
    await buy(5);
    expect(receiver.events).toHaveLength(15);
  });
});

test("the same seed gives the same faults", async () => {
  const seen: string[][] = [];
  for (const seed of [11, 11, 12]) {
    const { stripe, local, receiver } = withFaults({
      seed,
      api: { error429: 0.3, error500: 0.2 },
      webhooks: { drop: 0.2, dropForever: 0.1, duplicate: 0.3, reorder: 0.3 },
    });
    const outcomes: string[] = [];
    for (let index = 0; index < 20; index++) {
      const made = await stripe.checkout.sessions.create(payment).catch(() => undefined);
      outcomes.push(made === undefined ? "refused" : "made");
      if (made !== undefined) {
        local.pay(made.id, buyer);
        await local.settled();
      }
    }
    seen.push([...outcomes, ...receiver.types(), ...local.deliveries().map(({ state }) => state)]);
    local.close();
  }
  expect(seen[0]).toEqual(seen[1]);
  expect(seen[0]).not.toEqual(seen[2]);
  open = openWithReceiver();
});
