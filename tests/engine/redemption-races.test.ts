import { afterEach, expect, test } from "vitest";
import { purchases } from "../../schemas/sales-tables.ts";
import { redemptions } from "../../schemas/tables.ts";
import { decideFor, redeemAs } from "../fakes/requests.ts";
import { createWorld, type World, type WorldOptions } from "../fakes/world.ts";

const worlds: World[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

async function open(options: WorldOptions = {}): Promise<World> {
  const world = await createWorld(options);
  worlds.push(world);
  return world;
}

const buyer = { userIdentifier: "buyer@example.com" };

async function tokenFor(world: World, identity: unknown = buyer): Promise<string> {
  return (await decideFor(world, identity)).body.offers[0].token;
}

function limited(limits: Record<string, number>, more: Record<string, unknown> = {}): WorldOptions {
  const config: WorldOptions["config"] = (sample) => ({
    ...sample,
    ...more,
    offers: sample.offers.map((offer) => ({ ...offer, limits })),
  });
  return { config };
}

/** Pays, or lets expire, what a redemption's answer leads to. */
function sessionIn(url: string): string {
  return url.split("/").at(-1) ?? "";
}

async function pay(world: World, url: string): Promise<void> {
  const form = { email: "b@example.com", number: "4242424242424242", expiry: "12/34", cvc: "123", name: "B. Uyer" };
  const answer = await world.stripe.app.request(new URL(url).pathname, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", origin: "http://stripe.test" },
    body: new URLSearchParams(form).toString(),
  });
  expect(answer.status).toBe(303);
}

test("a repeat while the session is open gives the same answer, without another session", async () => {
  const world = await open();
  const token = await tokenFor(world);
  const first = await redeemAs(world, buyer, token);
  const second = await redeemAs(world, buyer, token);
  expect(second.text).toBe(first.text);
  expect(world.stripe.requestCount("POST /v1/checkout/sessions")).toBe(1);
});

test("a repeat after the purchase is 409 already_redeemed", async () => {
  const world = await open();
  const token = await tokenFor(world);
  const { body } = await redeemAs(world, buyer, token);
  await pay(world, body.action.url);
  const again = await redeemAs(world, buyer, token);
  expect(again.status).toBe(409);
  expect(again.body).toMatchObject({ code: "already_redeemed", eventId: expect.any(String) });
});

test("a repeat after the session expired makes a new session", async () => {
  const world = await open({ config: (config) => ({ ...config, offerTokenTtlSeconds: 604_800 }) });
  const token = await tokenFor(world);
  const first = await redeemAs(world, buyer, token);
  world.clock.advance(25 * 3600 * 1000);
  const second = await redeemAs(world, buyer, token);
  expect(second.status).toBe(200);
  expect(second.body.action.url).not.toBe(first.body.action.url);
  const rows = await world.engine.storage.db.select().from(purchases);
  expect(rows.map(({ attempt }) => attempt)).toEqual([1, 2]);
});

test("a pending purchase with the session, the plan and the identity stands before the answer", async () => {
  const world = await open();
  const { body } = await redeemAs(world, buyer, await tokenFor(world));
  const [purchase] = await world.engine.storage.db.select().from(purchases);
  expect(purchase).toMatchObject({
    status: "pending",
    sessionId: sessionIn(body.action.url),
    accountId: "acct_world",
    identityKey: "user:buyer@example.com",
    planId: expect.stringMatching(/^plan_/),
  });
  const [session] = world.stripe.sessions();
  expect(session).toMatchObject({ client_reference_id: purchase?.offeringId, mode: "subscription" });
  expect(session?.metadata).toMatchObject({ scrip_environment: "env_preview", scrip_offering: purchase?.offeringId });
});

test("a failed attempt may be tried again, and then has a session of its own", async () => {
  let broken = true;
  const world = await open();
  world.engine.stripe = ((clients) => (key: string) => {
    if (broken) throw new Error("no client");
    return clients(key);
  })(world.engine.stripe);
  const token = await tokenFor(world);
  expect((await redeemAs(world, buyer, token)).status).toBe(531);
  broken = false;
  expect((await redeemAs(world, buyer, token)).status).toBe(200);
  const [row] = await world.engine.storage.db.select().from(redemptions);
  expect(row).toMatchObject({ attempt: 2, status: "succeeded" });
});

test("an interrupted attempt is taken up under its own number, so that Stripe makes no second session", async () => {
  const world = await open();
  const token = await tokenFor(world);
  const first = await redeemAs(world, buyer, token);
  // as if the process had been killed after Stripe answered and before the answer was written
  const interrupted = {
    status: "running" as const,
    leaseUntil: world.clock.now() - 1,
    answer: null,
    answerStatus: null,
  };
  await world.engine.storage.db.update(redemptions).set(interrupted);
  const second = await redeemAs(world, buyer, token);
  expect(second.status).toBe(200);
  expect(second.body.action.url).toBe(first.body.action.url);
  expect(world.stripe.sessions()).toHaveLength(1);
  expect(await world.engine.storage.db.select().from(purchases)).toHaveLength(1);
});

test("a limit in total holds under a hundred racing buyers", async () => {
  const world = await open(limited({ total: 7 }));
  const identities = Array.from({ length: 100 }, (_, i) => ({ userIdentifier: `buyer-${i}@example.com` }));
  const tokens = await Promise.all(identities.map((identity) => tokenFor(world, identity)));
  const answers = await Promise.all(tokens.map((token, i) => redeemAs(world, identities[i], token)));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(7);
  const refused = answers.filter(({ status }) => status !== 200);
  expect(new Set(refused.map(({ status, body }) => `${status} ${body.code}`))).toEqual(new Set(["409 limit_reached"]));
  expect(world.stripe.sessions()).toHaveLength(7);
});

test("a limit per customer counts each customer's own", async () => {
  const world = await open(limited({ perCustomer: 1 }));
  const other = { userIdentifier: "other@example.com" };
  const tokens = await Promise.all([tokenFor(world), tokenFor(world), tokenFor(world, other)]);
  const [first, second, third] = [
    await redeemAs(world, buyer, tokens[0]),
    await redeemAs(world, buyer, tokens[1]),
    await redeemAs(world, other, tokens[2]),
  ];
  expect([first.status, second.status, third.status]).toEqual([200, 409, 200]);
});

test("an abandoned redemption gives its place back, a paid one does not", async () => {
  const world = await open(limited({ total: 2 }, { offerTokenTtlSeconds: 604_800 }));
  const people = ["a", "b", "c", "d"].map((name) => ({ userIdentifier: `${name}@example.com` }));
  const tokens = await Promise.all(people.map((identity) => tokenFor(world, identity)));
  const paid = await redeemAs(world, people[0], tokens[0]);
  await redeemAs(world, people[1], tokens[1]);
  await pay(world, paid.body.action.url);
  expect((await redeemAs(world, people[2], tokens[2])).status).toBe(409);
  world.clock.advance(25 * 3600 * 1000);
  expect((await redeemAs(world, people[2], tokens[2])).status).toBe(200);
  expect((await redeemAs(world, people[3], tokens[3])).status).toBe(409);
});

test("a workflow that refuses holds no place", async () => {
  const world = await open(limited({ total: 1 }));
  const visitor = { anonymousIdentifier: "anon" };
  expect((await redeemAs(world, visitor, await tokenFor(world, visitor))).status).toBe(401);
  expect((await redeemAs(world, buyer, await tokenFor(world))).status).toBe(200);
});
