// Past 250 lines: everything between a change and the event that tells of it.
import { Stripe } from "stripe";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  buyer,
  dayMs,
  openReceiver,
  openStripe,
  openWithReceiver,
  payment,
  subscription,
  webhookSecret,
} from "./fixture.ts";

let open: ReturnType<typeof openWithReceiver>;
beforeEach(() => {
  open = openWithReceiver();
});
afterEach(() => open.local.close());

/** A purchase that is paid with a card. */
async function buy() {
  const { id } = await open.stripe.checkout.sessions.create(payment);
  open.local.pay(id, buyer);
  await open.local.settled();
  return id;
}

describe("an event", () => {
  test("has Stripe's shape, and the object as it was then", async () => {
    const { stripe, local, receiver, clock } = open;
    const { id } = await stripe.checkout.sessions.create({ ...payment, metadata: { redemption: "red_1" } });
    local.pay(id, buyer);
    await local.settled();
    expect(receiver.events.at(-1)).toEqual({
      id: expect.stringMatching(/^evt_[0-9A-Za-z]{24}$/),
      object: "event",
      api_version: Stripe.API_VERSION,
      created: clock.seconds(),
      data: { object: expect.objectContaining({ id, status: "complete", metadata: { redemption: "red_1" } }) },
      livemode: false,
      pending_webhooks: 1,
      request: { id: null, idempotency_key: null },
      type: "checkout.session.completed",
    });
  });

  test("names the request that caused it, and its idempotency key", async () => {
    const { stripe, local, receiver } = open;
    const { id } = await stripe.checkout.sessions.create(payment);
    const { lastResponse } = await stripe.checkout.sessions.expire(id, {}, { idempotencyKey: "end-1" });
    await local.settled();
    expect(receiver.events).toMatchObject([
      { type: "checkout.session.expired", request: { id: lastResponse.requestId, idempotency_key: "end-1" } },
    ]);
  });

  test("keeps what it said when its object has changed since", async () => {
    const { stripe, local } = open;
    const id = await buy();
    const { payment_intent } = await stripe.checkout.sessions.retrieve(id);
    await stripe.refunds.create({ payment_intent: String(payment_intent) });
    await local.settled();
    const { data } = await stripe.events.list({ types: ["charge.succeeded", "charge.refunded"] });
    expect(data).toMatchObject([
      {
        type: "charge.refunded",
        data: { object: { refunded: true }, previous_attributes: { amount_refunded: 0, refunded: false } },
      },
      { type: "charge.succeeded", data: { object: { refunded: false, amount_refunded: 0 } } },
    ]);
  });

  test("is undone with the request that failed", async () => {
    const { stripe, local, receiver } = open;
    await buy();
    receiver.types();
    await expect(stripe.refunds.create({ payment_intent: "pi_nope" })).rejects.toMatchObject({ statusCode: 400 });
    await local.settled();
    expect(receiver.types()).toEqual([]);
  });
});

describe("the list of events", () => {
  test("is filtered by type, by types and by group, newest first, in pages", async () => {
    const { stripe } = open;
    await buy();
    await buy();
    const types = async (params: Stripe.EventListParams) =>
      (await stripe.events.list({ limit: 100, ...params })).data.map(({ type }) => type);
    expect(await types({ type: "charge.succeeded" })).toEqual(["charge.succeeded", "charge.succeeded"]);
    expect(await types({ types: ["charge.succeeded", "payment_intent.succeeded"] })).toHaveLength(4);
    expect(await types({ type: "checkout.*" })).toHaveLength(2);
    const all = await stripe.events.list({ limit: 100 });
    const first = await stripe.events.list({ limit: 2 });
    expect(first).toMatchObject({ object: "list", url: "/v1/events", has_more: true });
    const rest = await stripe.events.list({ limit: 100, starting_after: first.data[1]?.id ?? "" });
    expect([...first.data, ...rest.data]).toEqual(all.data);
    const back = await stripe.events.list({ limit: 2, ending_before: all.data[3]?.id ?? "" });
    expect(back.data).toEqual(all.data.slice(1, 3));
  });

  test("is filtered by time", async () => {
    const { stripe, clock } = open;
    const start = clock.seconds();
    await buy();
    clock.advance(10);
    await buy();
    const count = async (created: Stripe.RangeQueryParam) => (await stripe.events.list({ created })).data.length;
    expect(await count({ gte: start, lt: start + 10 })).toBe(3);
    expect(await count({ gt: start })).toBe(3);
    expect(await count({ lte: start + 10 })).toBe(6);
    expect((await stripe.events.list({ created: start + 10 })).data).toHaveLength(3);
  });

  test("counts the endpoints that still wait for an event", async () => {
    const { stripe, receiver } = open;
    receiver.answerWith(() => new Response("no", { status: 500 }));
    await buy();
    const waiting = await stripe.events.list({ delivery_success: false });
    expect(waiting.data.map((event) => event.pending_webhooks)).toEqual([1, 1, 1]);
    receiver.answerWith(() => new Response("ok"));
    open.clock.advance(1);
    await open.local.settled();
    expect((await stripe.events.list({ delivery_success: false })).data).toEqual([]);
    expect(await stripe.events.retrieve(waiting.data[0]?.id ?? "")).toMatchObject({ pending_webhooks: 0 });
  });

  test("goes back thirty days", async () => {
    const { stripe, clock } = open;
    await buy();
    const [event] = (await stripe.events.list()).data;
    clock.advance(30 * 86_400);
    expect((await stripe.events.list()).data).toHaveLength(3);
    clock.advance(1);
    expect((await stripe.events.list()).data).toEqual([]);
    await expect(stripe.events.retrieve(event?.id ?? "")).rejects.toMatchObject({ statusCode: 404 });
  });

  const refused: [Stripe.EventListParams, string][] = [
    [{ type: "charge.succeeded", types: ["charge.succeeded"] }, "type"],
    [{ types: Array.from({ length: 21 }, () => "charge.succeeded") }, "types"],
    [{ starting_after: "evt_nope" }, "starting_after"],
    [{ limit: 0 }, "limit"],
  ];
  test.for(refused)("refuses %o", async ([params, param]) => {
    await expect(open.stripe.events.list(params)).rejects.toMatchObject({ statusCode: 400, param });
  });
});

describe("a delivery", () => {
  test("is signed over exactly the bytes that are sent, in the layout Stripe sends", async () => {
    await buy();
    expect(open.receiver.bodies[0]).toContain('\n  "object": "event",\n');
    expect(() =>
      open.stripe.webhooks.constructEvent(open.receiver.bodies[0] ?? "", "t=1,v1=00", webhookSecret),
    ).toThrow(/signature/);
  });

  test("goes only where its type is wanted", async () => {
    const { local } = open;
    const [some, none] = [openReceiver({ url: "http://some.test/" }), openReceiver({ url: "http://none.test/" })];
    local.addWebhookEndpoint({ ...some.endpoint, enabledEvents: ["checkout.session.completed"] });
    local.addWebhookEndpoint({ ...none.endpoint, enabledEvents: [] });
    await buy();
    const sent = local.deliveries().map(({ url, state }) => [url, state]);
    expect(sent.filter(([url]) => url === "http://some.test/")).toHaveLength(1);
    expect(sent.filter(([url]) => url === "http://none.test/")).toEqual([]);
    expect(sent.filter(([url]) => url === open.receiver.endpoint.url)).toHaveLength(3);
  });

  test("uses the secret that an endpoint was last given", async () => {
    const { local, receiver } = open;
    local.addWebhookEndpoint({ url: receiver.endpoint.url, secret: "whsec_other" });
    await buy();
    expect(local.deliveries().map(({ state }) => state)).toEqual(["pending", "pending", "pending"]);
    local.addWebhookEndpoint(receiver.endpoint);
    open.clock.advance(1);
    await local.settled();
    expect(receiver.types()).toContain("checkout.session.completed");
  });

  test.for([500, 404, 302, 300])("that is answered %i is tried again by schedule", async (status) => {
    const { local, receiver, clock } = open;
    receiver.answerWith(() => new Response(null, { status }));
    await buy();
    expect(local.deliveries()[0]).toMatchObject({ state: "pending", attempts: 1, lastStatus: status });
    await local.settled();
    expect(local.deliveries()[0]).toMatchObject({ attempts: 1 });
    receiver.answerWith(() => new Response("ok"));
    clock.advance(1);
    await local.settled();
    expect(local.deliveries()[0]).toMatchObject({ state: "delivered", attempts: 2, lastStatus: 200, dueAtMs: null });
  });

  test("that never arrives is tried by the schedule and then given up", async () => {
    const refusing = openWithReceiver({ webhookRetryMs: [1000, 5000] });
    const { stripe, local, receiver, clock } = refusing;
    receiver.answerWith(() => Promise.reject(new TypeError("fetch failed")));
    const { id } = await stripe.checkout.sessions.create(payment);
    await stripe.checkout.sessions.expire(id);
    for (const [seconds, attempts] of [
      [0, 1],
      [1, 2],
      [4, 2],
      [1, 3],
      [86_400, 3],
    ] as const) {
      clock.advance(seconds);
      await local.settled();
      expect(local.deliveries()).toMatchObject([{ attempts, lastStatus: null }]);
    }
    expect(local.deliveries()).toMatchObject([{ state: "failed", dueAtMs: null }]);
    local.close();
  });

  test("that is not answered in ten seconds has failed", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      open.receiver.answerWith(() => new Promise(() => undefined));
      const { id } = await open.stripe.checkout.sessions.create(payment);
      await open.stripe.checkout.sessions.expire(id);
      const settled = open.local.settled();
      await vi.waitFor(() => expect(open.receiver.bodies).toHaveLength(1));
      expect(open.local.deliveries()).toMatchObject([{ attempts: 0 }]);
      vi.advanceTimersByTime(10_000);
      await settled;
      expect(open.local.deliveries()).toMatchObject([{ attempts: 1, lastStatus: null, state: "pending" }]);
    } finally {
      vi.useRealTimers();
    }
  });

  test("does not hold up the request that caused it", async () => {
    const release = Promise.withResolvers<Response>();
    open.receiver.answerWith(() => release.promise);
    const { id } = await open.stripe.checkout.sessions.create(payment);
    expect(await open.stripe.checkout.sessions.expire(id)).toMatchObject({ status: "expired" });
    release.resolve(new Response("ok"));
    await open.local.settled();
    expect(open.receiver.types()).toEqual(["checkout.session.expired"]);
  });

  test("may ask the API while it is received", async () => {
    const { stripe, local, receiver } = open;
    receiver.answerWith(async () => {
      await stripe.events.list();
      return new Response("ok");
    });
    await buy();
    expect(receiver.types()).toHaveLength(3);
    expect(local.deliveries().every(({ attempts }) => attempts === 1)).toBe(true);
  });

  test("goes out by itself, without anybody waiting for it, and again after a while by the real clock", async () => {
    const often = Array.from({ length: 100 }, () => 20);
    const receiver = openReceiver();
    const { endpoint, deliver } = receiver;
    const real = openStripe({ now: Date.now, webhookEndpoints: [endpoint], deliver, webhookRetryMs: often });
    receiver.answerWith(() => new Response(null, { status: 503 }));
    const { id } = await real.stripe.checkout.sessions.create(payment);
    await real.stripe.checkout.sessions.expire(id);
    await vi.waitFor(() => expect(receiver.bodies.length).toBeGreaterThan(0));
    receiver.answerWith(() => new Response("ok"));
    await vi.waitFor(() => expect(receiver.types()).toEqual(["checkout.session.expired"]));
    real.local.close();
  });
});

describe("a session whose time has come", () => {
  test("tells so once, whoever notices it first", async () => {
    const { stripe, local, receiver, clock } = open;
    const { id, url } = await stripe.checkout.sessions.create({ ...payment, expires_at: clock.seconds() + 1800 });
    clock.advance(1800);
    await Promise.all([stripe.checkout.sessions.retrieve(id), local.app.request(url ?? ""), local.tick()]);
    expect(local.sessions()).toMatchObject([{ status: "expired" }]);
    await local.settled();
    expect(receiver.events).toMatchObject([
      { type: "checkout.session.expired", created: clock.seconds(), data: { object: { id, status: "expired" } } },
    ]);
  });

  test("tells so though nobody asks, and as of its own time", async () => {
    const { stripe, local, receiver, clock } = open;
    const { expires_at } = await stripe.checkout.sessions.create(payment);
    clock.advance(3 * 86_400);
    local.tick();
    await local.settled();
    expect(receiver.events).toMatchObject([{ type: "checkout.session.expired", created: expires_at }]);
  });

  test("does so by the real clock too", async () => {
    let aheadMs = 0;
    const now = () => Date.now() + aheadMs;
    const receiver = openReceiver({ now });
    const { endpoint, deliver } = receiver;
    const real = openStripe({ now, webhookEndpoints: [endpoint], deliver });
    const { id } = await real.stripe.checkout.sessions.create(payment);
    aheadMs = dayMs - 50;
    // anything that happens sets the alarm anew
    await real.stripe.checkout.sessions.retrieve(id);
    await vi.waitFor(() => expect(receiver.types()).toEqual(["checkout.session.expired"]), { timeout: 5000 });
    real.local.close();
  });
});

test("a purchase in each mode is told in this order", async () => {
  const { stripe, local, receiver } = open;
  await buy();
  expect(receiver.types()).toEqual(["charge.succeeded", "payment_intent.succeeded", "checkout.session.completed"]);
  const { id } = await stripe.checkout.sessions.create(subscription);
  local.pay(id, buyer);
  await local.settled();
  expect(receiver.types()).toEqual([
    "customer.subscription.created",
    "charge.succeeded",
    "payment_intent.succeeded",
    "invoice_payment.paid",
    "invoice.paid",
    "customer.subscription.updated",
    "checkout.session.completed",
  ]);
});
