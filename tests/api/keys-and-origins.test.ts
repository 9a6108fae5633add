import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createEnvironment } from "../../engine/create-environment.ts";
import { createKey, revokeKey } from "../../engine/keys.ts";
import { ask, decideFor } from "../fakes/requests.ts";
import { createWorld, origin, type World } from "../fakes/world.ts";
import { countingSandbox, expectRefusal, tracesOf } from "./answers.ts";

const { sandbox, runs } = countingSandbox();
const identity = { anonymousIdentifier: "anon_1" };
let world: World;
let token: string;
let keys: Record<"otherSecret" | "otherPublic" | "revokedSecret" | "revokedPublic", string>;
let before: Record<string, number>;

beforeAll(async () => {
  world = await createWorld({ sandbox });
  const { engine, environmentId } = world;
  await createEnvironment(engine, { id: "env_other", name: "Other" });
  const revoked = await Promise.all((["sk", "pk"] as const).map((kind) => createKey(engine, environmentId, kind, "")));
  for (const { id } of revoked) await revokeKey(engine, environmentId, id);
  keys = {
    otherSecret: (await createKey(engine, "env_other", "sk", "")).key,
    otherPublic: (await createKey(engine, "env_other", "pk", "")).key,
    revokedSecret: revoked[0]?.key ?? "",
    revokedPublic: revoked[1]?.key ?? "",
  };
  token = (await decideFor(world, identity)).body.offers[0].token;
});
afterAll(() => world.close());
beforeEach(async () => {
  before = await tracesOf(world);
});
afterEach(async () => {
  expect(await tracesOf(world)).toEqual(before);
  expect(runs()).toBe(0);
  expect(world.faults.splice(0)).toEqual([]);
});

const routes: { path: string; body: () => Record<string, unknown> }[] = [
  { path: "/api/v1/surface-decisions", body: () => ({ surfaceSlug: "web", identity, dryRun: true }) },
  { path: "/api/v1/offer-redemptions", body: () => ({ offerToken: token, identity }) },
];

/** Authorization headers that name no key; the world gives the right key to spoil. */
const unauthorized: [string, (right: string) => string | undefined][] = [
  ["no Authorization header", () => undefined],
  ["an empty one", () => ""],
  ["a key without Bearer", (right) => right],
  ["Basic instead of Bearer", (right) => `Basic ${btoa(right)}`],
  ["Bearer without a key", () => "Bearer "],
  ["two keys", (right) => `Bearer ${right} ${right}`],
  ["a key without a kind", (right) => `Bearer ${right.slice(3)}`],
  ["a key of an unknown kind", (right) => `Bearer rk${right.slice(2)}`],
  ["a key without an environment", (right) => `Bearer sk_${right.split("_").at(-1)}`],
  ["a key whose environment has no underscore", (right) => `Bearer sk_env_${right.split("_").at(-1)}`],
  ["a key without data", () => "Bearer sk_env_preview_"],
  ["a key with one letter more", (right) => `Bearer ${right}x`],
  ["a key with one letter less", (right) => `Bearer ${right.slice(0, -1)}`],
  ["a key with another letter", (right) => `Bearer ${right.slice(0, -1)}${right.endsWith("a") ? "b" : "a"}`],
  ["a secret key called public", (right) => `Bearer pk${right.slice(2)}`],
  ["a key with the path of another environment", (right) => `Bearer ${right.replace("preview", "other")}`],
  ["an admin token", () => `Bearer ${world.adminToken}`],
  ["a key of 5000 letters", () => `Bearer sk_env_preview_${"a".repeat(5000)}`],
];

describe.each(routes)("POST $path", ({ path, body }) => {
  const send = (key: string | null, headers: Record<string, string> = {}, more: object = {}) =>
    ask(world, "POST", path, { key, headers, body: { ...body(), ...more } });
  const invalidKey = { status: 401, code: "invalid_api_key", message: "Invalid API key" } as const;
  const secretNeeded = { status: 403, code: "secret_key_required" } as const;
  const event = path.endsWith("redemptions");

  test.each(unauthorized)("refuses %s", async (_what, header) => {
    const authorization = header(world.secretKey);
    expectRefusal(await send(null, authorization === undefined ? {} : { authorization }), invalidKey);
  });

  test("refuses a revoked secret key", async () => {
    expectRefusal(await send(keys.revokedSecret), invalidKey);
  });

  test("refuses a revoked public key from an allowed origin", async () => {
    expectRefusal(await send(keys.revokedPublic, { origin }), invalidKey);
  });

  test("does not know the organization of a key whose environment does not exist", async () => {
    const answer = await send(`sk_env_nowhere_${"a".repeat(40)}`);
    expectRefusal(answer, { status: 404, code: "organization_not_found", message: "Organization not found" });
  });

  test("shows a key of another environment nothing of this one", async () => {
    const answer = await send(keys.otherSecret);
    if (path.endsWith("decisions")) return expectRefusal(answer, { status: 404, code: "surface_not_found" });
    expect(answer.body).toMatchObject({ status: "error", statusCode: 403, code: "token_wrong_environment" });
    before.events = (before.events ?? 0) + 1;
  });

  test("refuses a public key of another environment, whose origins are its own", async () => {
    expectRefusal(await send(keys.otherPublic, { origin }), { status: 403, code: "origin_not_allowed" });
  });

  test.each([
    ["no origin", {}],
    ["an origin that is not allowed", { origin: "https://evil.example" }],
    ["an allowed host over http", { origin: "http://news.example.com" }],
    ["an allowed host at another port", { origin: `${origin}:8443` }],
    ["a subdomain of an allowed host", { origin: "https://a.news.example.com" }],
    ["an allowed host as its prefix", { origin: `${origin}.evil.example` }],
    ["an allowed host in capitals", { origin: "https://NEWS.example.com" }],
    ["two origins", { origin: `${origin}, ${origin}` }],
    ["the origin null", { origin: "null" }],
    ["an allowed origin only as referer", { referer: `${origin}/` }],
  ])("refuses a public key with %s", async (_what, headers) => {
    expectRefusal(await send(world.publicKey, { ...headers }), { status: 403, code: "origin_not_allowed" });
  });

  test("says to add an origin, where there is one", async () => {
    expect((await send(world.publicKey)).body.message).toMatch(/^A request without an Origin .* a secret key$/);
    const evil = "https://evil.example";
    expect((await send(world.publicKey, { origin: evil })).body.message).toMatch(/evil.*: add it to allowedOrigins$/);
  });

  test("refuses userIdentifier from a public key", async () => {
    const answer = await send(world.publicKey, { origin }, { identity: { userIdentifier: "user_1" } });
    expectRefusal(answer, secretNeeded);
  });

  test("refuses cloudflare from a public key", async () => {
    expectRefusal(await send(world.publicKey, { origin }, { cloudflare: { cf: { country: "GB" } } }), secretNeeded);
    expectRefusal(await send(world.publicKey, { origin }, { cloudflare: {} }), secretNeeded);
  });

  test("refuses x-mos-user-agent from a public key", async () => {
    expectRefusal(await send(world.publicKey, { origin, "x-mos-user-agent": "Mozilla/5.0" }), secretNeeded);
  });

  test("takes all three from a secret key, whatever the origin", async () => {
    const headers = { origin: "https://evil.example", "x-mos-user-agent": "Mozilla/5.0" };
    // a token that is none ends the redemption before anything happens
    const more = {
      identity: { userIdentifier: "u" },
      cloudflare: { cf: { country: "GB" } },
      ...(event && { offerToken: "x" }),
    };
    const { status, body: answer } = await send(world.secretKey, headers, more);
    expect([status, answer.code]).toEqual(event ? [400, "token_malformed"] : [200, undefined]);
    if (event) before.events = (before.events ?? 0) + 1;
  });

  test("lets a page of any origin ask, in a preflight", async () => {
    const headers = {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type,x-mos-browser-version",
    };
    const { status, text, headers: answer } = await ask(world, "OPTIONS", path, { key: null, headers });
    expect(status).toBe(204);
    expect(text).toBe("");
    expect(answer.get("access-control-allow-origin")).toBe("*");
    expect(answer.get("access-control-allow-methods")).toContain("POST");
    const allowed = answer
      .get("access-control-allow-headers")
      ?.toLowerCase()
      .split(",")
      .map((name) => name.trim());
    expect(allowed).toEqual(expect.arrayContaining(["authorization", "content-type", "x-mos-browser-version"]));
    expect(answer.get("access-control-allow-credentials")).toBeNull();
  });

  test("lets a page read a refusal too", async () => {
    const refusal = await send(null, { origin });
    expect(refusal.headers.get("access-control-allow-origin")).toBe("*");
    const tooLarge = await send(world.publicKey, { origin }, { padding: "x".repeat(300 * 1024) });
    expect(tooLarge.status).toBe(413);
    expect(tooLarge.headers.get("access-control-allow-origin")).toBe("*");
  });
});

describe("a public key", () => {
  const send = (more: object) =>
    ask(world, "POST", "/api/v1/surface-decisions", {
      key: world.publicKey,
      headers: { origin },
      body: { surfaceSlug: "web", identity, dryRun: true, ...more },
    });

  test("gets no explanations", async () => {
    expectRefusal(await send({ explain: true }), { status: 403, code: "secret_key_required" });
  });

  test("may say that it wants none", async () => {
    const { status, body } = await send({ explain: false });
    expect(status).toBe(200);
    expect(body).not.toHaveProperty("explain");
  });

  test("reads no events", async () => {
    const id = "00000000-0000-7000-8000-000000000000";
    const answer = await ask(world, "GET", `/api/v1/events/${id}`, { key: world.publicKey, headers: { origin } });
    expectRefusal(answer, { status: 403, code: "secret_key_required" });
  });
});

describe("an event", () => {
  test("is not found with a key of another environment", async () => {
    const { body } = await decideFor(world, identity);
    before = await tracesOf(world);
    const path = `/api/v1/events/${body.eventId}`;
    expect((await ask(world, "GET", path)).status).toBe(200);
    expectRefusal(await ask(world, "GET", path, { key: keys.otherSecret }), { status: 404, code: "event_not_found" });
  });

  test.each(["00000000-0000-7000-8000-000000000000", "not-a-uuid", "%27%20or%201=1"])(
    "is not found under the id %s",
    async (id) => {
      expectRefusal(await ask(world, "GET", `/api/v1/events/${id}`), { status: 404, code: "event_not_found" });
    },
  );

  test("is not shown without a key", async () => {
    const answer = await ask(world, "GET", "/api/v1/events/00000000-0000-7000-8000-000000000000", { key: null });
    expectRefusal(answer, { status: 401, code: "invalid_api_key", message: "Invalid API key" });
  });
});

test("an allowed origin is a matter of the configuration in force", async () => {
  const own = await createWorld({ config: (config) => ({ ...config, allowedOrigins: [] }) });
  const answer = await ask(own, "POST", "/api/v1/surface-decisions", {
    key: own.publicKey,
    headers: { origin },
    body: { surfaceSlug: "web", identity },
  });
  await own.close();
  expectRefusal(answer, { status: 403, code: "origin_not_allowed" });
});
