import { afterEach, expect, test } from "vitest";
import { createStripeClients } from "../../engine/stripe.ts";
import { entitlements, purchases } from "../../schemas/sales-tables.ts";
import { redemptions } from "../../schemas/tables.ts";
import { ask, decideFor, redeemAs } from "../fakes/requests.ts";
import { method, type sampleConfig } from "../fakes/sample-config.ts";
import { createWorld, type World } from "../fakes/world.ts";

type Sample = ReturnType<typeof sampleConfig>;
type Limits = { total?: number; perCustomer?: number };

const worlds: World[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

/** A world whose offer tokens outlive its Checkout Sessions. */
async function open({ limits = {}, ...more }: { limits?: Limits } & Record<string, unknown> = {}): Promise<World> {
  const config = (sample: Sample) => ({
    ...sample,
    offerTokenTtlSeconds: 604_800,
    offers: sample.offers.map((offer) => ({ ...offer, limits })),
    ...more,
  });
  const world = await createWorld({ config });
  worlds.push(world);
  return world;
}

const person = (name: string) => ({ userIdentifier: `${name}@example.com` });
const sessionsExpire = (world: World) => world.clock.advance(25 * 3600 * 1000);

async function tokenFor(world: World, identity: unknown): Promise<string> {
  return (await decideFor(world, identity)).body.offers[0].token;
}

/** Puts something between the engine and Stripe. */
function between(
  world: World,
  fetchStripe: (method: string, send: () => Promise<Response>) => Promise<Response>,
): void {
  world.engine.stripe = createStripeClients({
    fetch: (input, init) => fetchStripe(init?.method ?? "GET", () => world.stripe.fetch(input, init)),
    stripeEndpoint: { protocol: "http", host: "stripe.test", port: 80 },
  });
}

const sells = (path: string, headers = "{}") =>
  method(
    "stripe-checkout",
    `export default async ({ offer, utils }) => {
      const { accountId, instructions } = offer.redemption;
      const made = await utils.integrations.stripe.fetch(accountId, { method: "POST", path: ${JSON.stringify(path)},
        headers: ${headers}, body: { ...instructions, success_url: "https://a.test" } });
      return { success: true, action: "navigate", url: made.body.url };
    };`,
    "mos:stripe-checkout-instructions",
  );

test("an answer of Stripe that is late by an attempt does not end the new one", async () => {
  const world = await open({ limits: { total: 1 } });
  const [own, other] = [await tokenFor(world, person("a")), await tokenFor(world, person("b"))];
  await redeemAs(world, person("a"), own);
  sessionsExpire(world);
  const { promise: late, resolve: arrive } = Promise.withResolvers<void>();
  let asked = 0;
  between(world, async (verb, send) => {
    const answer = await send();
    asked += verb === "GET" ? 1 : 0;
    if (verb === "GET" && asked === 1) await late;
    return answer;
  });
  const second = redeemAs(world, person("b"), other);
  await expect.poll(() => asked).toBe(1);
  const renewed = await redeemAs(world, person("a"), own);
  arrive();
  expect([renewed.status, (await second).status]).toEqual([200, 409]);
  expect((await redeemAs(world, person("a"), own)).text).toBe(renewed.text);
  expect(world.stripe.sessions().filter(({ status }) => status === "open")).toHaveLength(1);
});

test("a run that ends after its lease does not take a place that was given away", async () => {
  const world = await open({ limits: { total: 1 } });
  const [own, other] = [await tokenFor(world, person("a")), await tokenFor(world, person("b"))];
  const { promise: late, resolve: arrive } = Promise.withResolvers<void>();
  let sent = 0;
  between(world, async (verb, send) => {
    const answer = await send();
    sent += verb === "POST" ? 1 : 0;
    if (verb === "POST" && sent === 1) await late;
    return answer;
  });
  const first = redeemAs(world, person("a"), own);
  await expect.poll(() => sent).toBe(1);
  world.clock.advance(21_000);
  const second = await redeemAs(world, person("b"), other);
  arrive();
  expect([(await first).status, second.status]).toEqual([409, 200]);
});

test("a try after a timeout sends Stripe the same key, so that it makes no second session", async () => {
  const world = await open({ budgets: { wallMs: 400 } });
  const token = await tokenFor(world, person("a"));
  let sent = 0;
  between(world, async (_, send) => {
    const answer = await send();
    sent += 1;
    if (sent === 1) await new Promise((resolve) => setTimeout(resolve, 600));
    return answer;
  });
  const first = await redeemAs(world, person("a"), token);
  const second = await redeemAs(world, person("a"), token);
  expect([first.status, second.status]).toEqual([531, 200]);
  expect(world.stripe.sessions()).toHaveLength(1);
});

test("a try after answers that were lost sends Stripe the same key", async () => {
  const world = await open();
  const token = await tokenFor(world, person("a"));
  let lost = true;
  between(world, async (_, send) => {
    const answer = await send();
    if (lost) throw new TypeError("fetch failed");
    return answer;
  });
  const first = await redeemAs(world, person("a"), token);
  lost = false;
  const second = await redeemAs(world, person("a"), token);
  expect([first.status, second.status]).toEqual([502, 200]);
  expect(world.stripe.sessions()).toHaveLength(1);
});

test("a refusal that leads to a session holds a place and is repeated as it was", async () => {
  const [seed] = [sells("/v1/checkout/sessions")];
  const workflow = seed.workflow.replace("success: true", "success: false, statusCode: 402");
  const world = await open({ limits: { total: 1 }, redemptionMethods: [{ ...seed, workflow }] });
  const [own, other] = [await tokenFor(world, person("a")), await tokenFor(world, person("b"))];
  const first = await redeemAs(world, person("a"), own);
  const again = await redeemAs(world, person("a"), own);
  expect([first.status, again.text]).toEqual([402, first.text]);
  expect((await redeemAs(world, person("b"), other)).status).toBe(409);
  expect(world.stripe.sessions()).toHaveLength(1);
});

test("an answer without a session is not judged by the session of the attempt before", async () => {
  const world = await open();
  const token = await tokenFor(world, person("a"));
  await redeemAs(world, person("a"), token);
  sessionsExpire(world);
  const at = "/api/v1/manage/environments/env_preview/config";
  const { body } = await ask(world, "GET", at, { key: world.adminToken });
  body.config.redemptionMethods[0].workflow =
    'export default async () => ({ success: true, action: "navigate", url: "https://gift.test/" + Math.random() });';
  await ask(world, "PUT", at, { key: world.adminToken, body: body.config });
  const first = await redeemAs(world, person("a"), token);
  expect((await redeemAs(world, person("a"), token)).text).toBe(first.text);
  const [row] = await world.engine.storage.db.select().from(redemptions);
  expect(row?.attempt).toBe(2);
});

test.each(["/v1/checkout/sessions?expand[]=line_items", "/v1/checkout/%73essions"])(
  "a session that is made at %s is recorded as a purchase",
  async (path) => {
    const world = await open({ redemptionMethods: [sells(path)] });
    await redeemAs(world, person("a"), await tokenFor(world, person("a")));
    const [purchase] = await world.engine.storage.db.select().from(purchases);
    expect(world.stripe.sessions().map((session) => session.client_reference_id)).toEqual([purchase?.offeringId]);
  },
);

test("a session that could not be asked for later is not made", async () => {
  const world = await open({
    redemptionMethods: [sells("/v1/checkout/sessions", '{ "stripe-account": "acct_connected" }')],
  });
  expect((await redeemAs(world, person("a"), await tokenFor(world, person("a")))).status).toBe(531);
  expect(world.stripe.sessions()).toHaveLength(0);
});

test("buyers who race for places that may have lapsed ask Stripe once, a few at a time", async () => {
  const world = await open({ limits: { total: 30 } });
  const holders = Array.from({ length: 30 }, (_, i) => person(`holder-${i}`));
  for (const holder of holders) await redeemAs(world, holder, await tokenFor(world, holder));
  sessionsExpire(world);
  let asked = 0;
  between(world, (verb, send) => {
    asked += verb === "GET" ? 1 : 0;
    return send();
  });
  const buyers = ["x", "y", "z"].map(person);
  const tokens = await Promise.all(buyers.map((buyer) => tokenFor(world, buyer)));
  const answers = await Promise.all(buyers.map((buyer, i) => redeemAs(world, buyer, tokens[i])));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(asked).toBe(20);
});

test("a place that only visitors hold who are sent to sign up is not sold out", async () => {
  const world = await open({ limits: { total: 1 } });
  const visitors = Array.from({ length: 10 }, (_, i) => ({ anonymousIdentifier: `visitor-${i}` }));
  const tokens = await Promise.all(visitors.map((visitor) => tokenFor(world, visitor)));
  const own = await tokenFor(world, person("a"));
  const answers = await Promise.all([
    ...visitors.map((visitor, i) => redeemAs(world, visitor, tokens[i])),
    redeemAs(world, person("a"), own),
  ]);
  expect(answers.at(-1)?.status).toBe(200);
  expect(world.stripe.sessions()).toHaveLength(1);
});

test("an offer that is not for holders of a product is not sold to one who was shown it before signing in", async () => {
  const world = await open();
  const at = "/api/v1/manage/environments/env_preview/config";
  const { body } = await ask(world, "GET", at, { key: world.adminToken });
  body.config.offers[0].filters.products = { include: [], exclude: ["digital"] };
  await ask(world, "PUT", at, { key: world.adminToken, body: body.config });
  const product = (await world.engine.environments.get("env_preview"))?.compiled.productIds.get("digital") ?? "";
  await world.engine.storage.db.insert(entitlements).values({
    id: "ent_1",
    environmentId: "env_preview",
    identifier: "holder@example.com",
    productId: product,
    cause: "manual:1",
    startedAt: 0,
    createdAt: 0,
  });
  const token = await tokenFor(world, { anonymousIdentifier: "visitor" });
  const holder = await redeemAs(world, person("holder"), token);
  expect([holder.status, holder.body.code]).toEqual([410, "offer_unavailable"]);
  expect((await redeemAs(world, person("other"), token)).status).toBe(200);
});
