import Stripe from "stripe";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createEnvironment } from "../../engine/create-environment.ts";
import {
  addWebhookSecret,
  connectStripeAccount,
  listWebhookSecrets,
  removeWebhookSecret,
} from "../../engine/integrations.ts";
import { purchases, stripeEvents } from "../../schemas/sales-tables.ts";
import { pageSession, salesOf } from "../fakes/sales.ts";
import { createWorld, type World } from "../fakes/world.ts";

let world: World;
const secret = "whsec_first";
const account = { accountId: "acct_world", secret };
beforeEach(async () => {
  world = await createWorld();
  await addWebhookSecret(world.engine, world.environmentId, account);
});
afterEach(() => world.close());

/** A webhook of a session, signed as Stripe signs it. */
function webhook(session: string, { id = "evt_1", type = "checkout.session.completed", more = {} } = {}): string {
  const object = { id: session, object: "checkout.session", note: "Zoë’s  spaces", ...more };
  return JSON.stringify({ id, object: "event", type, created: 1, data: { object } }, null, 2);
}

type Sending = { by?: string; ageSeconds?: number; signature?: string; to?: string };

async function send(payload: string, { by = secret, ageSeconds = 0, signature, to = "acct_world" }: Sending = {}) {
  const timestamp = Math.floor(world.clock.now() / 1000) - ageSeconds;
  const header = signature ?? Stripe.webhooks.generateTestHeaderString({ payload, secret: by, timestamp });
  const answer = await world.app.request(`/api/v1/webhooks/stripe/${to}`, {
    method: "POST",
    body: payload,
    headers: { "stripe-signature": header, "content-type": "application/json; charset=utf-8" },
  });
  const body: { code?: string; status?: string } = JSON.parse(await answer.text());
  return [answer.status, body.code ?? body.status];
}

async function paidSession(): Promise<string> {
  const { id } = await pageSession(world);
  world.stripe.pay(id, { email: "buyer@example.com" });
  return id;
}

const good = [200, "success"];
const refused = [400, "webhook_signature_invalid"];
const completed = async () => (await salesOf(world)).purchases.filter(({ status }) => status === "completed").length;

test("a signed webhook completes the purchase that it names, and its event is handled once", async () => {
  const id = await paidSession();
  for (let i = 0; i < 3; i++) expect(await send(webhook(id))).toEqual(good);
  await Promise.all(Array.from({ length: 20 }, (_, i) => send(webhook(id, { id: `evt_${i}` }))));
  const sales = await salesOf(world);
  expect([sales.purchases.length, sales.entitlements.length, sales.history]).toEqual([1, 1, ["purchase"]]);
  const events = await world.engine.storage.db.select().from(stripeEvents);
  expect(new Set(events.map(({ eventId }) => eventId)).size).toBe(events.length);
});

describe("the signature", () => {
  test.each([
    ["another secret", { by: "whsec_other" }],
    ["a signature of six minutes ago", { ageSeconds: 361 }],
    ["a signature from six minutes ahead", { ageSeconds: -361 }],
    ["no signature", { signature: "" }],
    ["a signature without a scheme", { signature: "t=1" }],
    ["nonsense", { signature: "t=x,v1=zz" }],
  ])("%s is refused, and nothing is done", async (_, sending) => {
    expect(await send(webhook(await paidSession()), sending)).toEqual(refused);
    expect(await completed()).toBe(0);
  });

  test("is good for five minutes, either way", async () => {
    const id = await paidSession();
    expect(await send(webhook(id), { ageSeconds: 300 })).toEqual(good);
    expect(await send(webhook(id), { ageSeconds: -300 })).toEqual(good);
  });

  test("is of the body, byte for byte", async () => {
    const id = await paidSession();
    const payload = webhook(id);
    const timestamp = Math.floor(world.clock.now() / 1000);
    const signature = Stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp });
    for (const body of [payload.replace("  ", " "), `${payload} `, JSON.stringify(JSON.parse(payload))]) {
      expect(await send(body, { signature })).toEqual(refused);
    }
    expect(await send(payload, { signature })).toEqual(good);
  });

  test("counts by the old and the new secret while one is replaced, and by the old no more when it is gone", async () => {
    const id = await paidSession();
    await addWebhookSecret(world.engine, world.environmentId, { ...account, secret: "whsec_second" });
    expect(await send(webhook(id))).toEqual(good);
    expect(await send(webhook(id), { by: "whsec_second" })).toEqual(good);
    const secrets = await listWebhookSecrets(world.engine, world.environmentId, "acct_world");
    const [old] = secrets.toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
    await removeWebhookSecret(world.engine, world.environmentId, { accountId: "acct_world", id: old?.id ?? "" });
    const left = [await send(webhook(id)), await send(webhook(id), { by: "whsec_second" })];
    expect(left.toSorted()).toEqual([good, refused].toSorted());
  });

  test("by a secret that another server has just added is good", async () => {
    const other = await createWorld({ file: world.file, stripe: world.stripe });
    await addWebhookSecret(other.engine, world.environmentId, { ...account, secret: "whsec_elsewhere" });
    await other.close();
    expect(await send(webhook(await paidSession()), { by: "whsec_elsewhere" })).toEqual(good);
  });
});

test("what is signed and is not JSON is refused, and no fault of the server", async () => {
  expect(await send("{")).toEqual([400, "invalid_json"]);
  expect(world.faults).toEqual([]);
});

describe("a payment that Stripe does not know", () => {
  const types = [
    "charge.refunded",
    "charge.dispute.created",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.closed",
  ];
  const told = (type: string, payment: string) =>
    send(webhook("ch_1", { id: `evt_${type}`, type, more: { object: "charge", payment_intent: payment } }));

  test.each(types)("is nobody's: %s is taken, once", async (type) => {
    expect(await told(type, "pi_of_nobody")).toEqual(good);
    const events = await world.engine.storage.db.select().from(stripeEvents);
    expect(events.map(({ eventId }) => eventId)).toEqual([`evt_${type}`]);
    expect(world.faults).toEqual([]);
  });

  test("and that paid for a purchase is told again, until somebody mends the account's key", async () => {
    const id = await paidSession();
    expect(await send(webhook(id))).toEqual(good);
    await world.engine.storage.db.update(purchases).set({ paymentIntentId: "pi_of_another_mode" });
    expect(await told("charge.refunded", "pi_of_another_mode")).toEqual([500, "internal_error"]);
  });
});

test("an account that nobody connected is not found", async () => {
  expect(await send(webhook("cs_test_1"), { to: "acct_unknown" })).toEqual([404, "account_not_found"]);
});

/** A body whose sender leaves in the middle, and whether anybody began to read it. */
function leaving() {
  const seen = { read: false };
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (seen.read) controller.error(new Error("the client is gone"));
        else controller.enqueue(new TextEncoder().encode("{"));
        seen.read = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { seen, body };
}

test("a sender that leaves in the middle is no fault of the server, its length told or not", async () => {
  const length: Record<string, string> = { "content-length": "100" };
  for (const headers of [{}, length]) {
    const { body } = leaving();
    const to = "/api/v1/webhooks/stripe/acct_world";
    const answer = await world.app.request(to, { method: "POST", headers, body, duplex: "half" });
    expect([answer.status, await answer.json()]).toEqual([400, expect.objectContaining({ code: "invalid_json" })]);
  }
  expect(world.faults).toEqual([]);
});

test("a body for an account that nobody connected is not read", async () => {
  const { seen, body } = leaving();
  const to = "/api/v1/webhooks/stripe/acct_unknown";
  const answer = await world.app.request(to, { method: "POST", body, duplex: "half" });
  expect([answer.status, seen.read]).toEqual([404, false]);
});

test("a body beyond a megabyte is refused before it is read", async () => {
  const answer = await send(webhook("cs_test_1", { more: { filler: "x".repeat(1_100_000) } }));
  expect(answer).toEqual([413, "body_too_large"]);
});

test("what is not ours is taken and leaves nothing: other types, sessions, and events without an object", async () => {
  const asked = world.stripe.requestCount("GET /v1/checkout/sessions/cs_test_foreign");
  expect(await send(webhook("cs_test_foreign"))).toEqual(good);
  expect(await send(webhook("prod_1", { type: "product.created" }))).toEqual(good);
  expect(await send(JSON.stringify({ id: "evt_2", object: "event", type: "v2.core.thing" }))).toEqual(good);
  expect(world.stripe.requestCount("GET /v1/checkout/sessions/cs_test_foreign")).toBe(asked);
  expect(world.faults).toEqual([]);
});

test("of two environments with one account only the one that sold is concerned", async () => {
  await createEnvironment(world.engine, { id: "env_other", name: "Other" });
  await connectStripeAccount(world.engine, "env_other", { accountId: "acct_world", secretKey: "sk_test_world" });
  await addWebhookSecret(world.engine, "env_other", account);
  const id = await paidSession();
  const metadata = { scrip_environment: world.environmentId };
  expect(await send(webhook(id, { more: { metadata } }))).toEqual(good);
  const { purchases } = await salesOf(world);
  expect(purchases.map(({ environmentId, status }) => [environmentId, status])).toEqual([
    [world.environmentId, "completed"],
  ]);
});

test("while Stripe cannot be asked the webhook is refused, and the next delivery completes the purchase", async () => {
  const id = await paidSession();
  world.stripe.chaos({ api: { error500: 1 } });
  expect(await send(webhook(id))).toEqual([503, "stripe_unreachable"]);
  world.stripe.chaos({});
  expect(await completed()).toBe(0);
  expect(await send(webhook(id))).toEqual(good);
  expect(await completed()).toBe(1);
});
