import { afterEach, expect, test } from "vitest";
import { deliverDue } from "../../engine/webhooks/deliver.ts";
import { createReceivingWorlds, makeEndpoint, type ReceivingWorld } from "../fakes/receiver.ts";
import { ask } from "../fakes/requests.ts";
import { askStripe, fulfillIn, paymentOf, salesOf, sessionFor } from "../fakes/sales.ts";
import { method, type sampleConfig } from "../fakes/sample-config.ts";

const { open, close } = createReceivingWorlds();
afterEach(close);

/** A plan with a price that is paid once, and a plan without one. */
function config(sample: ReturnType<typeof sampleConfig>) {
  const [plan] = sample.plans;
  const [offer] = sample.offers;
  return {
    ...sample,
    plans: [
      { ...plan, products: ["digital", "print"], price: { currency: "gbp", amountMinor: 1000, interval: null } },
      { ...plan, slug: "free", name: "Newsletter", products: ["print"], duration: "P10D", price: null },
    ],
    redemptionMethods: [
      ...sample.redemptionMethods,
      method(
        "sign-up",
        `export default async ({ identity, env }) => identity.identifier.startsWith("no")
          ? { success: false, statusCode: 403, message: "Not you" }
          : { success: true, properties: { welcome: true } };`,
      ),
    ],
    offers: [
      { ...offer, redemption: { accountId: "acct_world" } },
      { slug: "newsletter", name: "Newsletter", method: "sign-up", plans: ["free"] },
    ],
    experiences: [
      ...sample.experiences,
      { slug: "invitation", type: "html", html: "<button data-redeem>Join</button>", offers: ["newsletter"] },
    ],
    surfaces: [
      ...sample.surfaces,
      { slug: "join", components: [{ slug: "box", slots: [{ key: "offer", experience: "invitation" }] }] },
    ],
  };
}

async function listening(): Promise<ReceivingWorld> {
  const world = await open({ webhooks: true, config });
  await makeEndpoint(world);
  return world;
}

type Told = { type: string; data: Record<string, Record<string, unknown> & { id?: string }> & { cause?: string } };

/** What was told since the last time. */
async function told(world: ReceivingWorld): Promise<Told[]> {
  await deliverDue(world.engine);
  return world.receiver.received.splice(0).map(({ body }) => JSON.parse(body));
}

const typesOf = (messages: Told[]) => messages.map(({ type }) => type).toSorted();

/** Redeems what the surface `join` shows. */
async function join(world: ReceivingWorld, identity: Record<string, unknown>) {
  const decision = await ask(world, "POST", "/api/v1/surface-decisions", { body: { surfaceSlug: "join", identity } });
  const offerToken = decision.body.offers[0].token;
  const redeem = () => ask(world, "POST", "/api/v1/offer-redemptions", { body: { identity, offerToken } });
  return { first: await redeem(), redeem };
}

test("a purchase tells of itself, its member and each entitlement, once; a refund of what it took back", async () => {
  const world = await listening();
  const { id } = await sessionFor(world);
  expect(typesOf(await told(world))).toEqual(["redemption.completed"]);
  world.stripe.pay(id, { email: "buyer@example.com" });
  await world.stripe.settled();
  await Promise.all(Array.from({ length: 5 }, () => fulfillIn(world, id)));
  const bought = await told(world);
  expect(typesOf(bought)).toEqual([
    "entitlement.granted",
    "entitlement.granted",
    "member.created",
    "purchase.completed",
  ]);
  const [purchase] = (await salesOf(world)).purchases;
  expect(bought.find(({ type }) => type === "purchase.completed")?.data).toMatchObject({
    purchase: { id: purchase?.id, status: "completed", amountMinor: 1000, currency: "gbp" },
    member: { identifier: "buyer@example.com", email: "buyer@example.com" },
  });
  await askStripe(world, "/v1/refunds", { payment_intent: paymentOf(world, id) });
  await world.stripe.settled();
  const refunded = await told(world);
  expect(typesOf(refunded)).toEqual(["entitlement.revoked", "entitlement.revoked", "purchase.refunded"]);
  expect(refunded.find(({ type }) => type === "entitlement.revoked")?.data).toMatchObject({
    entitlement: { is_active: false },
    cause: "refund",
  });
});

test("a plan without a price is granted by the redemption alone, once, and says so", async () => {
  const world = await listening();
  const identity = { userIdentifier: "reader@example.com" };
  const { first, redeem } = await join(world, identity);
  expect([first.status, first.body.action]).toEqual([200, { type: "custom", properties: { welcome: true } }]);
  expect(typesOf(await told(world))).toEqual(["entitlement.granted", "member.created", "redemption.completed"]);
  const sales = await salesOf(world);
  expect(sales.purchases).toEqual([]);
  expect(sales.history).toEqual(["redemption"]);
  expect(sales.active).toMatchObject([
    { identifier: "reader@example.com", purchaseId: null, endedAt: Date.parse("2026-03-11T12:00:00Z") },
  ]);
  expect((await redeem()).body.code).toBe("already_redeemed");
  expect((await salesOf(world)).entitlements).toHaveLength(1);
});

test("twenty who redeem one free offer at once get it once", async () => {
  const world = await listening();
  const identity = { userIdentifier: "crowd@example.com" };
  const { redeem } = await join(world, identity);
  await Promise.all(Array.from({ length: 20 }, redeem));
  expect((await salesOf(world)).entitlements).toHaveLength(1);
});

test("a visitor holds nothing, and neither does whom the workflow refuses", async () => {
  const world = await listening();
  expect((await join(world, { anonymousIdentifier: "anon_1" })).first.status).toBe(200);
  expect((await join(world, { userIdentifier: "nobody@example.com" })).first.status).toBe(403);
  expect(await salesOf(world)).toMatchObject({ entitlements: [], members: [], history: [] });
  expect(typesOf(await told(world))).toEqual(["redemption.completed"]);
});
