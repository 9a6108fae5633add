import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, decideFor, redeemAs } from "../fakes/requests.ts";
import { method } from "../fakes/sample-config.ts";
import { createWorld, type World } from "../fakes/world.ts";

/** Each workflow is a method of its own, with an offer and a surface that bear its name. */
const workflows = {
  "unknown-account": `await utils.integrations.stripe.fetch("acct_other", { method: "GET", path: "/v1/prices" });`,
  "price-list": `const r = await utils.integrations.stripe.fetch("acct_world", { method: "GET", path: "/v1/prices?limit=1" });
    return { success: true, properties: { status: r.status, count: r.body.data.length } };`,
  "bad-price": `const r = await utils.integrations.stripe.fetch("acct_world", { method: "POST", path: "/v1/checkout/sessions",
      body: { mode: "payment", success_url: "https://a.test", line_items: [{ price: "price_none", quantity: 1 }] } });
    return { success: true, properties: { ok: r.ok, status: r.status, error: r.body.error } };`,
  "get-with-body": `await utils.integrations.stripe.fetch("acct_world", { method: "GET", path: "/v1/prices", body: { a: 1 } });`,
  "path-up": `await utils.integrations.stripe.fetch("acct_world", { method: "GET", path: "/v1/../v2/x" });`,
  "other-host": `await utils.integrations.stripe.fetch("acct_world", { method: "GET", path: "https://evil.test/v1/x" });`,
  "own-authorization": `await utils.integrations.stripe.fetch("acct_world", { method: "GET", path: "/v1/prices", headers: { Authorization: "Bearer x" } });`,
  "own-reference": `const r = await utils.integrations.stripe.fetch("acct_world", { method: "POST", path: "/v1/checkout/sessions",
      body: { mode: "payment", success_url: "https://a.test", client_reference_id: "mine", metadata: { mine: "kept", scrip_offering: "forged" },
        line_items: [{ price: "price_day", quantity: 2 }], payment_intent_data: { description: "kept" } } });
    return { success: true, action: "navigate", url: r.body.url };`,
  "stripe-down": `const r = await utils.integrations.stripe.fetch("acct_world", { method: "GET", path: "/v1/down" });
    return { success: true, properties: { ok: r.ok, status: r.status, type: r.body.error.type } };`,
  "fetch-allowed": `const r = await fetch("https://api.allowed.test/people?id=1", { method: "POST", headers: { "x-a": "b" }, body: "hi" });
    return { success: true, properties: { status: r.status, body: await r.json() } };`,
  "fetch-other": `await fetch("https://other.test/");`,
  "sees-env": `console.log("secret is", env.API_TOKEN); return { success: true, properties: { greeting: env.GREETING, secretLength: env.API_TOKEN.length } };`,
  "many-calls": `for (let i = 0; i < 30; i++) await utils.integrations.stripe.fetch("acct_world", { method: "GET", path: "/v1/prices?limit=1" });`,
};

const buyer = { userIdentifier: "buyer@example.com" };
const slugs = Object.keys(workflows);
const outbound: Request[] = [];
let world: World;

beforeAll(async () => {
  world = await createWorld({
    publicFetch: async (input, init) => {
      outbound.push(new Request(input, init));
      return Response.json({ name: "Ada" }, { status: 201 });
    },
    config: (config) => ({
      ...config,
      outboundOrigins: ["https://api.allowed.test"],
      redemptionMethods: Object.entries(workflows).map(([slug, body]) =>
        method(slug, `export default async ({ identity, offer, env, utils }) => { ${body} };`),
      ),
      offers: slugs.map((slug) => ({ slug, name: slug, method: slug })),
      experiences: slugs.map((slug) => ({ slug, type: "app", schema: "acme:card@1.0", offers: [slug] })),
      surfaces: slugs.map((slug) => ({
        slug,
        components: [{ slug: "one", slots: [{ key: "offer", experience: slug }] }],
      })),
    }),
  });
  const put = await ask(world, "PUT", "/api/v1/manage/environments/env_preview/secrets", {
    key: world.adminToken,
    body: { name: "API_TOKEN", value: "tok_very_secret_1" },
  });
  expect(put.status).toBe(200);
});
afterAll(() => world.close());

/** Redeems the offer whose workflow bears this name, and reads its event. */
async function run(slug: keyof typeof workflows) {
  const decision = await decideFor(world, buyer, { surfaceSlug: slug });
  const answer = await redeemAs(world, buyer, decision.body.offers[0].token);
  const event = await ask(world, "GET", `/api/v1/events/${answer.body.eventId}`);
  return { ...answer, properties: answer.body.action?.properties, run: event.body.event.data.run, event };
}

test.each([
  ["unknown-account", "unknown Stripe account acct_other"],
  ["get-with-body", "takes no body"],
  ["path-up", "must not contain . or .. segments"],
  ["other-host", "must be a path that begins with /v1/"],
  ["own-authorization", "only Stripe-Version and Stripe-Account may be set"],
  ["fetch-other", "https://other.test is not among the environment's outboundOrigins"],
] as const)("%s: the author's promise is rejected with a reason, and nothing is sent", async (slug, reason) => {
  const before = world.stripe.requests().length + outbound.length;
  const { status, run: record } = await run(slug);
  expect(status).toBe(531);
  expect(record.verdict.reason).toContain(reason);
  expect(world.stripe.requests().length + outbound.length).toBe(before);
});

test("an answer of Stripe reaches the author parsed", async () => {
  const { properties } = await run("price-list");
  expect(properties).toEqual({ status: 200, count: 1 });
});

test("an error of Stripe reaches the author as an answer, with Stripe's error object", async () => {
  const { properties } = await run("bad-price");
  expect(properties).toMatchObject({
    ok: false,
    status: 400,
    error: { type: "invalid_request_error", code: "resource_missing", param: "line_items[0][price]" },
  });
});

test("the host's references win, the author's other values stay", async () => {
  const { body } = await run("own-reference");
  expect(body.action.url).toContain("/c/pay/cs_test_");
  const session = world.stripe.sessions().find(({ url }) => url === body.action.url);
  expect(session?.client_reference_id).not.toBe("mine");
  expect(session?.metadata).toMatchObject({ mine: "kept", scrip_offering: session?.client_reference_id });
});

test("a Stripe that cannot be reached is an answer with status 503", async () => {
  const { engine } = world;
  const clients = engine.stripe;
  const unreachable = await createWorld({
    stripe: { ...world.stripe, fetch: () => Promise.reject(new TypeError("fetch failed")) },
    file: world.file,
  });
  engine.stripe = unreachable.engine.stripe;
  try {
    const { properties } = await run("stripe-down");
    expect(properties).toEqual({ ok: false, status: 503, type: "api_connection_error" });
  } finally {
    engine.stripe = clients;
    await unreachable.close();
  }
});

test("fetch reaches an allowed origin and its answer is a Response", async () => {
  const { properties } = await run("fetch-allowed");
  expect(properties).toEqual({ status: 201, body: { name: "Ada" } });
  const sent = outbound.at(-1);
  expect([sent?.method, sent?.url, sent?.headers.get("x-a")]).toEqual([
    "POST",
    "https://api.allowed.test/people?id=1",
    "b",
  ]);
});

test("variables and secrets are in env, and secrets are masked in the event", async () => {
  const { properties, event } = await run("sees-env");
  expect(properties).toEqual({ greeting: "hello", secretLength: 17 });
  expect(event.text).toContain("secret is ***");
  expect(event.text).not.toContain("tok_very_secret_1");
});

test("outbound calls beyond the budget are refused", async () => {
  const { status, run: record } = await run("many-calls");
  expect(status).toBe(531);
  expect(record.hostCalls).toHaveLength(20);
});

test("the event keeps each host call with its duration and status", async () => {
  const { run: record } = await run("price-list");
  expect(record.hostCalls).toEqual([
    expect.objectContaining({ seq: 0, name: "stripe.fetch", ok: true, durationMs: expect.any(Number) }),
  ]);
  expect(record).toMatchObject({ outcome: "returned", cpuMs: expect.any(Number), wallMs: expect.any(Number) });
});
