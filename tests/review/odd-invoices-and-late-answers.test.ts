import * as v from "valibot";
import { afterEach, expect, test } from "vitest";
import { handleStripeEvent } from "../../engine/stripe-webhooks.ts";
import { JsonObject } from "../../schemas/json.ts";
import { redemptions } from "../../schemas/tables.ts";
import { ask } from "../fakes/requests.ts";
import { environmentOf, fulfillIn, pageSession, salesOf, sessionFor } from "../fakes/sales.ts";
import { createWorld, origin, type World, type WorldOptions } from "../fakes/world.ts";

const worlds: World[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

async function open(options: WorldOptions = {}): Promise<World> {
  const world = await createWorld(options);
  worlds.push(world);
  return world;
}

const buyer = { email: "buyer@example.com" };
const days = 86_400_000;
const accountId = "acct_world";

/** Stripe's answers to questions about invoices, changed on the way. */
function invoices(change: (invoice: Record<string, unknown>) => unknown): WorldOptions["between"] {
  return (stripeFetch) => async (input, init) => {
    const response = await stripeFetch(input, init);
    const path = new URL(new Request(input, init).url).pathname;
    return path.startsWith("/v1/invoices/")
      ? Response.json(change(v.parse(JsonObject, await response.json())))
      : response;
  };
}

/** A world where a month has passed since somebody subscribed, and no webhook has told of the renewal. */
async function renewed(options: WorldOptions = {}) {
  const world = await open(options);
  const { id } = await sessionFor(world);
  world.stripe.pay(id, buyer);
  await fulfillIn(world, id);
  world.clock.advance(31 * days + 3_700_000);
  world.stripe.tick();
  const [subscription] = world.stripe.subscriptions();
  return { world, invoice: subscription?.latest_invoice, subscription: subscription?.id ?? "" };
}

async function tell(world: World, object: { id: string } & Record<string, unknown>) {
  const event = { id: `evt_${crypto.randomUUID()}`, type: "invoice.paid", created: 0, data: { object } };
  await handleStripeEvent(world.engine, await environmentOf(world), accountId, event);
}

test("an account whose events are of an API version before 2025-03-31.basil renews too", async () => {
  const { world, invoice, subscription } = await renewed();
  const details = { metadata: { scrip_environment: world.environmentId } };
  await tell(world, { id: String(invoice), subscription, subscription_details: details });
  expect((await salesOf(world)).history).toEqual(["purchase", "renewal"]);
});

test("such an event of another environment is no matter of this one", async () => {
  const { world, invoice, subscription } = await renewed();
  const details = { metadata: { scrip_environment: "env_other" } };
  await tell(world, { id: String(invoice), subscription, subscription_details: details });
  expect((await salesOf(world)).history).toEqual(["purchase"]);
});

test("of an invoice with several payments the one that paid is remembered, so that its refund takes back", async () => {
  const between = invoices(({ payments, ...invoice }) => {
    const given = { status: "canceled", payment: { type: "payment_intent", payment_intent: "pi_given_up" } };
    const data = Reflect.get(Object(payments), "data");
    return { ...invoice, payments: { data: [given, ...(Array.isArray(data) ? data : [])] } };
  });
  const { world, invoice, subscription } = await renewed({ between });
  await tell(world, { id: String(invoice), parent: { subscription_details: { subscription } } });
  const { entitlements } = await salesOf(world);
  const renewal = entitlements.find(({ cause }) => cause.startsWith("invoice:"));
  expect(renewal?.paymentIntentId).toMatch(/^pi_/);
  expect(renewal?.paymentIntentId).not.toBe("pi_given_up");
});

test("a change of a subscription on the last day of its period does not give another period", async () => {
  const until = Date.parse("2026-05-01T12:00:00Z");
  const period = { start: until / 1000 - 86_400, end: until / 1000 };
  const between = invoices((invoice) => ({
    ...invoice,
    billing_reason: "subscription_update",
    lines: { data: [{ period }] },
  }));
  const { world, invoice, subscription } = await renewed({ between });
  await tell(world, { id: String(invoice), parent: { subscription_details: { subscription } } });
  const { entitlements } = await salesOf(world);
  expect(entitlements.map(({ endedAt }) => endedAt).at(-1)).toBe(until);
});

test("a delayed payment that failed does not take its place again when somebody looks at the session", async () => {
  const world = await open({
    webhooks: true,
    config: (sample) => ({ ...sample, offers: [{ ...sample.offers[0], limits: { total: 1 } }] }),
  });
  const { id } = await pageSession(world);
  world.stripe.pay(id, { ...buyer, method: "delayed" });
  await world.stripe.settled();
  world.stripe.settleDelayedPayment(id, "failed");
  await world.stripe.settled();
  expect((await salesOf(world)).purchases).toMatchObject([{ status: "failed" }]);
  await fulfillIn(world, id);
  expect(await world.engine.storage.db.select().from(redemptions)).toMatchObject([{ outcome: "expired" }]);
  await pageSession(world);
});

test("a return address signs nobody in a day after the purchase", async () => {
  const world = await open();
  const { id } = await pageSession(world);
  const back = world.stripe.sessions().find((session) => session.id === id)?.success_url ?? "";
  const address = back.replace("{CHECKOUT_SESSION_ID}", id);
  world.stripe.pay(id, buyer);
  const first = await ask(world, "GET", address, { key: null });
  expect(first.headers.get("location")).toContain("allegro_purchase_token=ptk_");
  world.clock.advance(days);
  expect((await ask(world, "GET", address, { key: null })).headers.get("location")).toContain("ptk_");
  world.clock.advance(1);
  const late = await ask(world, "GET", address, { key: null });
  expect(late.headers.get("location")).toBe(`${origin}/story?x=1#top`);
});
