// Past 250 lines: all limits as a caller meets them, on one stage.
import Stripe from "stripe";
import { afterEach, describe, expect, test } from "vitest";
import { addWebhookSecret } from "../../engine/integrations.ts";
import { signIn } from "../fakes/members.ts";
import { type Answer, type Ask, ask } from "../fakes/requests.ts";
import { createWorld, origin, type World, type WorldOptions } from "../fakes/world.ts";
import { expectRefusal } from "./answers.ts";

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0).reverse()) await world.close();
});

/** A world whose requests come from where their header `x-peer` says. */
async function open(options: WorldOptions = {}): Promise<World> {
  const world = await createWorld({
    rateLimits: { keyPerSecond: 4, addressPerMinute: 3, failuresPerMinute: 2 },
    clientAddress: (c) => c.req.header("x-peer") ?? null,
    ...options,
  });
  worlds.push(world);
  return world;
}

const identity = { anonymousIdentifier: "anon_1" };
const home = "203.0.113.7";
const decision = { surfaceSlug: "web", identity, dryRun: true };

type From = Ask & { from?: string; method?: string };

function call(world: World, path: string, { from = home, method = "POST", headers, ...more }: From = {}) {
  return ask(world, method, path, { ...more, headers: { origin, "x-peer": from, ...headers } });
}

async function codes(count: number, one: (i: number) => Promise<Answer>): Promise<string[]> {
  const answers = await Promise.all(Array.from({ length: count }, (_, i) => one(i)));
  return answers.map(({ body }) => body?.code ?? body?.status ?? "none");
}

const limited = (answers: string[]) => answers.filter((code) => code === "rate_limited").length;

/** What a page asks for that begins, ends or costs something. What is wrong with it is found later. */
const actions: [string, unknown][] = [
  ["/api/v1/offer-redemptions", { offerToken: "x.y.z", identity }],
  ["/api/v1/purchases", { planId: "none" }],
  ["/api/v1/purchases/exchange", { token: "x" }],
  ["/api/v1/members/refresh", { refreshToken: "x" }],
  ["/api/v1/members/logout", { refreshToken: "x" }],
];

describe("a browser's address", () => {
  test.each(actions)("may not ask POST %s without end", async (path, body) => {
    const world = await open({ rateLimits: { addressPerMinute: 3, failuresPerMinute: 0 } });
    const asked = (from: string) => codes(10, () => call(world, path, { key: world.publicKey, body, from }));
    expect(limited(await asked(home))).toBe(7);
    expect(limited(await asked("203.0.113.8"))).toBe(7);
    world.clock.advance(60_000);
    expect(limited(await asked(home))).toBe(7);
  });

  test("may not come back from checkouts without end", async () => {
    const world = await open({ rateLimits: { addressPerMinute: 3, failuresPerMinute: 0 } });
    const path = "/api/v1/purchases/return?key=nonsense";
    expect(limited(await codes(10, () => call(world, path, { key: null, method: "GET" })))).toBe(7);
  });

  test("may read ten times as much", async () => {
    const world = await open();
    const reads: [string, unknown][] = [
      ["/api/v1/surface-decisions", decision],
      ["/api/v1/access-checks", { identity }],
    ];
    for (const [path, body] of reads) {
      const answers = await codes(40, () => call(world, path, { key: world.publicKey, body }));
      expect([limited(answers), answers.filter((code) => code === "success").length]).toEqual([10, 30]);
      world.clock.advance(60_000);
    }
    const { jwt } = await signIn(world, "buyer@example.com");
    const own = () => call(world, "/api/v1/entitlements", { key: jwt, method: "GET" });
    expect(limited(await codes(40, own))).toBe(10);
  });

  test("is all of the /64 that an IPv6 address is in", async () => {
    const world = await open();
    const body = { planId: "none" };
    const from = (address: string) => call(world, "/api/v1/purchases", { key: world.publicKey, body, from: address });
    expect(limited(await codes(10, (i) => from(`2001:db8:1:2::${i}`)))).toBe(7);
    expect(limited(await codes(3, (i) => from(`2001:db8:1:3::${i}`)))).toBe(0);
  });

  test("is told how long to wait, in an answer that its page can read", async () => {
    const world = await open();
    world.clock.advance(17_500);
    const answers: Answer[] = [];
    for (let i = 0; i < 4; i++) {
      answers.push(await call(world, "/api/v1/purchases", { key: world.publicKey, body: { planId: "none" } }));
    }
    const refusal = answers[3] ?? never();
    expectRefusal(refusal, { status: 429, code: "rate_limited", message: "Too many requests: try again in 43 s" });
    expect(Object.fromEntries(refusal.headers)).toMatchObject({
      "retry-after": "43",
      "access-control-allow-origin": "*",
      "access-control-expose-headers": expect.stringContaining("Retry-After"),
    });
  });

  test("that asks too much takes nothing from the others of the site, and leaves no event", async () => {
    const world = await open({ rateLimits: { keyPerSecond: 2, addressPerMinute: 1 } });
    const body = { ...decision, dryRun: false };
    const decide = (from: string) => call(world, "/api/v1/surface-decisions", { key: world.publicKey, body, from });
    expect(limited(await codes(1000, () => decide(home)))).toBe(990);
    expect(await codes(10, () => decide("203.0.113.8"))).toEqual(Array(10).fill("success"));
    await world.engine.events.flush();
    const events = await world.engine.storage.client.execute("select count(*) as n from events");
    expect(events.rows[0]?.n).toBe(20);
    expect(world.engine.rateLimits.refused).toEqual({ key: 0, reads: 990, actions: 0, failures: 0 });
    expect(world.notices).toEqual(["rate limit: reads 203.0.113.7 is refused"]);
  });

  test("counts for nothing where a site's server asks with a secret key", async () => {
    const world = await open({ rateLimits: { addressPerMinute: 1, failuresPerMinute: 1 } });
    for (const [path, body] of [...actions, ["/api/v1/surface-decisions", decision]] as const) {
      expect(limited(await codes(20, () => call(world, path, { body }))), path).toBe(0);
    }
  });

  test("is nobody's where the runtime does not know it", async () => {
    const world = await open();
    const answers = codes(100, () => ask(world, "POST", "/api/v1/purchases", { key: "adm_wrong", body: {} }));
    expect(limited(await answers)).toBe(0);
  });
});

describe("a key", () => {
  test.each(["secretKey", "publicKey"] as const)("may ask ten seconds' worth in ten seconds: the %s", async (name) => {
    const world = await open();
    const decide = (i: number) =>
      call(world, "/api/v1/surface-decisions", { key: world[name], body: decision, from: `198.51.100.${i}` });
    expect(limited(await codes(50, decide))).toBe(10);
    const refusal = await decide(60);
    expect([refusal.status, refusal.headers.get("retry-after")]).toEqual([429, "10"]);
    world.clock.advance(10_000);
    expect(limited(await codes(40, decide))).toBe(0);
  });

  test("that asks too much takes nothing from another", async () => {
    const world = await open();
    const decide = (key: string) => call(world, "/api/v1/surface-decisions", { key, body: decision });
    expect(limited(await codes(50, () => decide(world.secretKey)))).toBe(10);
    expect((await decide(world.publicKey)).status).toBe(200);
  });
});

describe("failures", () => {
  test("with wrong keys become 429, and a good key is taken all the same", async () => {
    const world = await open();
    const decide = (key: string) => call(world, "/api/v1/surface-decisions", { key, body: decision });
    const wrong = ["sk_env_preview_", "pk_env_preview_", "sk_env_other_", "nonsense"];
    const answers = await codes(8, (i) => decide(`${wrong[i % 4]}${"x".repeat(40)}`));
    expect(limited(answers)).toBe(6);
    expect((await decide(world.secretKey)).status).toBe(200);
    expect((await decide(world.publicKey)).status).toBe(200);
  });

  test("with wrong admin tokens keep the address from trying more, also the right one", async () => {
    const world = await open();
    const list = (key: string, from = home) => call(world, "/api/v1/manage/environments", { key, method: "GET", from });
    expect(limited(await codes(1000, (i) => list(`adm_${i}`.padEnd(44, "x"))))).toBe(998);
    expect(await list(world.adminToken)).toMatchObject({ status: 429 });
    expect(await list(world.adminToken, "203.0.113.8")).toMatchObject({ status: 200 });
    world.clock.advance(60_000);
    expect(await list(world.adminToken)).toMatchObject({ status: 200 });
    expect(await codes(50, () => list(world.adminToken, "203.0.113.9"))).toContain("success");
  });

  test("with wrong admin tokens keep no page from the same address from its purchase", async () => {
    const world = await open();
    await codes(9, () => call(world, "/api/v1/manage/environments", { key: "adm_wrong", method: "GET" }));
    const { refreshToken } = await signIn(world, "buyer@example.com");
    const renewed = await call(world, "/api/v1/members/refresh", { key: world.publicKey, body: { refreshToken } });
    expect(renewed.status).toBe(200);
  });

  test.each([
    ["/api/v1/purchases/exchange", { token: "guess" }, "purchase_token_invalid"],
    ["/api/v1/members/refresh", { refreshToken: "guess" }, "member_session_ended"],
  ])("with guessed tokens end before the address's other requests do: %s", async (path, body, code) => {
    const world = await open({ rateLimits: { addressPerMinute: 100, failuresPerMinute: 2 } });
    const answers = await codes(20, () => call(world, path, { key: world.publicKey, body }));
    expect(answers.toSorted()).toEqual([code, code, ...Array(18).fill("rate_limited")]);
  });

  test("with guessed returns count as well", async () => {
    const world = await open({ rateLimits: { addressPerMinute: 100, failuresPerMinute: 2 } });
    const guess = (i: number) => call(world, `/api/v1/purchases/return?key=${i}`, { key: null, method: "GET" });
    expect(limited(await codes(20, guess))).toBe(18);
  });

  test("with forged member JWTs count as well", async () => {
    const world = await open();
    const { jwt } = await signIn(world, "buyer@example.com");
    const read = (key: string) => call(world, "/api/v1/entitlements", { key, method: "GET" });
    expect(limited(await codes(8, () => read(`${jwt.slice(0, -4)}AAAA`)))).toBe(6);
    expect((await read(jwt)).status).toBe(200);
  });
});

test("Stripe's signed webhooks are taken however many come, and from an address whose others were wrong", async () => {
  const world = await open({ rateLimits: { keyPerSecond: 1, addressPerMinute: 1, failuresPerMinute: 2 } });
  const secret = "whsec_first";
  await addWebhookSecret(world.engine, world.environmentId, { accountId: "acct_world", secret });
  const payload = JSON.stringify({
    id: "evt_1",
    type: "customer.created",
    created: 1,
    data: { object: { id: "cus_1" } },
  });
  const send = (by: string, to = "acct_world") => {
    const timestamp = Math.floor(world.clock.now() / 1000);
    const signature = Stripe.webhooks.generateTestHeaderString({ payload, secret: by, timestamp });
    const headers = { "stripe-signature": signature };
    return call(world, `/api/v1/webhooks/stripe/${to}`, { key: null, body: payload, headers });
  };
  expect(limited(await codes(10, () => send("whsec_wrong")))).toBe(8);
  expect(limited(await codes(10, () => send(secret, "acct_nobody")))).toBe(10);
  expect(await codes(100, () => send(secret))).toEqual(Array(100).fill("success"));
});

test("a webhook whose body is too large, or no text, is a failure of whoever sent it", async () => {
  const world = await open({ rateLimits: { failuresPerMinute: 2 } });
  for (const body of [new Uint8Array([0xff]), "x".repeat(1024 * 1024 + 1)]) {
    const from = `203.0.113.${body.length % 200}`;
    const send = () => call(world, "/api/v1/webhooks/stripe/acct_world", { key: null, body, from });
    expect(limited(await codes(5, send))).toBe(3);
  }
});

test("what says how the server is, and what every page loads, has no limit", async () => {
  const world = await open({ rateLimits: { keyPerSecond: 1, addressPerMinute: 1, failuresPerMinute: 1 } });
  for (const path of ["/healthz", "/readyz", "/.well-known/jwks.json", "/client.js", "/openapi.json"]) {
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => call(world, path, { key: null, method: "GET" })),
    );
    expect(
      answers.map(({ status }) => status),
      path,
    ).not.toContain(429);
  }
});

test("two servers on one database hold a limit together, through the front door", async () => {
  const first = await open();
  const second = await open({ file: first.file, stripe: first.stripe });
  const key = first.secretKey;
  const decide = (world: World) => call(world, "/api/v1/surface-decisions", { key, body: decision });
  expect(limited(await codes(25, () => decide(first)))).toBe(0);
  await first.engine.rateLimits.sync();
  await second.engine.rateLimits.sync();
  expect(limited(await codes(25, () => decide(second)))).toBe(10);
});

test("when the database does not answer, limits hold as far as the server counts by itself", async () => {
  const world = await open();
  const decide = () => call(world, "/api/v1/surface-decisions", { key: world.secretKey, body: decision });
  expect((await decide()).status).toBe(200);
  const { client } = world.engine.storage;
  await client.execute("alter table rate_limits rename to rate_limits_away");
  expect(limited(await codes(60, decide))).toBe(21);
  await expect(world.engine.rateLimits.sync()).rejects.toThrow();
  expect(limited(await codes(5, decide))).toBe(5);
});

function never(): never {
  throw new Error("unreachable");
}
