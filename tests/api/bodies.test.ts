import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Answer, ask, decideFor } from "../fakes/requests.ts";
import { createWorld, type World } from "../fakes/world.ts";
import { countingSandbox, expectRefusal, tracesOf } from "./answers.ts";

const { sandbox, runs } = countingSandbox();
let world: World;
let token: string;
let before: Record<string, number>;
let ranBefore: number;
beforeAll(async () => {
  world = await createWorld({ sandbox });
  token = (await decideFor(world, { anonymousIdentifier: "anon_1" })).body.offers[0].token;
});
afterAll(() => world.close());
beforeEach(async () => {
  before = await tracesOf(world);
  ranBefore = runs();
});
afterEach(async () => {
  expect(await tracesOf(world)).toEqual(before);
  expect(runs()).toBe(ranBefore);
  expect(world.faults.splice(0)).toEqual([]);
});

/** A text that must never come back. */
const secret = "hunter2";
const identity = { anonymousIdentifier: "anon_1" };

/** A body that is right but for what `change` does, for each route. */
const routes: { path: string; valid: () => Record<string, unknown> }[] = [
  { path: "/api/v1/surface-decisions", valid: () => ({ surfaceSlug: "web", identity }) },
  { path: "/api/v1/offer-redemptions", valid: () => ({ offerToken: token, identity }) },
];

const nested = (depth: number) => JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`);

/** What is wrong, what is sent instead, and at which path it is told. */
const wrong: [string, Record<string, unknown>, string][] = [
  ["no identity", { identity: undefined }, "identity"],
  ["a text as identity", { identity: secret }, "identity"],
  ["null as identity", { identity: null }, "identity"],
  ["an identity without a form", { identity: {} }, "identity"],
  ["two forms of identity", { identity: { userIdentifier: secret, anonymousIdentifier: secret } }, "identity"],
  ["a minted and a sent identity", { identity: { ...identity, createAnonymousIdentifier: true } }, "identity"],
  ["a JWT and an identifier", { identity: { userJwt: secret, userIdentifier: secret } }, "identity"],
  ["an unknown field in identity", { identity: { ...identity, userIdentifer: secret } }, "identity.userIdentifer"],
  ["only an unknown field in identity", { identity: { userId: secret } }, "identity.userId"],
  ["a fallback without a JWT", { identity: { ...identity, createAnonymousIdentifierFallback: true } }, "identity"],
  ["a number as identifier", { identity: { userIdentifier: 12_345 } }, "identity.userIdentifier"],
  ["an empty identifier", { identity: { anonymousIdentifier: "" } }, "identity.anonymousIdentifier"],
  [
    "an identifier of 513 characters",
    { identity: { anonymousIdentifier: secret.padEnd(513, "x") } },
    "identity.anonymousIdentifier",
  ],
  ["an empty JWT", { identity: { userJwt: "" } }, "identity.userJwt"],
  [
    "createAnonymousIdentifier: false",
    { identity: { createAnonymousIdentifier: false } },
    "identity.createAnonymousIdentifier",
  ],
  [
    'a fallback of "yes"',
    { identity: { userJwt: secret, createAnonymousIdentifierFallback: "yes" } },
    "identity.createAnonymousIdentifierFallback",
  ],
  ["a list as identity", { identity: [] }, "identity"],
  ["a list as resource", { resource: [] }, "resource"],
  ["a list as resource meta", { resource: { meta: [secret] } }, "resource.meta"],
  ["a list as http", { http: [] }, "http"],
  ["an empty list as cookies", { http: { cookies: [] } }, "http.cookies"],
  ["a list as cf", { cloudflare: { cf: [] } }, "cloudflare.cf"],
  ["a list as fastly", { fastly: [secret] }, "fastly"],
  ["a text as resource", { resource: secret }, "resource"],
  ["a number as resource id", { resource: { id: 7 } }, "resource.id"],
  ["a text as resource meta", { resource: { meta: secret } }, "resource.meta"],
  ["a text as http", { http: secret }, "http"],
  ["a number as user agent", { http: { userAgent: 7 } }, "http.userAgent"],
  ["a list as cookies", { http: { cookies: { session: [secret] } } }, "http.cookies.session"],
  ["a text as origin status", { http: { proxyOrigin: { status: secret } } }, "http.proxyOrigin.status"],
  ["a text as cloudflare", { cloudflare: secret }, "cloudflare"],
  ["a text as cf", { cloudflare: { cf: secret } }, "cloudflare.cf"],
  ["a text as fastly", { fastly: secret }, "fastly"],
];

const wrongDecisions: typeof wrong = [
  ["no surfaceSlug", { surfaceSlug: undefined }, "surfaceSlug"],
  ["a number as surfaceSlug", { surfaceSlug: 7 }, "surfaceSlug"],
  ["an empty surfaceSlug", { surfaceSlug: "" }, "surfaceSlug"],
  ["a surfaceSlug of 201 characters", { surfaceSlug: secret.padEnd(201, "x") }, "surfaceSlug"],
  ["a text as dryRun", { dryRun: secret }, "dryRun"],
  ["a text as explain", { explain: secret }, "explain"],
];

const wrongRedemptions: typeof wrong = [
  ["no offerToken", { offerToken: undefined }, "offerToken"],
  ["an object as offerToken", { offerToken: { secret } }, "offerToken"],
  ["an empty offerToken", { offerToken: "" }, "offerToken"],
  ["an offerToken of 16385 characters", { offerToken: secret.padEnd(16_385, "x") }, "offerToken"],
];

describe.each(routes)("POST $path refuses", ({ path, valid }) => {
  const send = (body: unknown) => ask(world, "POST", path, { body });
  const own = path.endsWith("decisions") ? wrongDecisions : wrongRedemptions;

  test.each([...wrong, ...own])("%s, tells where, and does not repeat what was sent", async (_what, change, at) => {
    const answer = await send({ ...valid(), ...change });
    expectRefusal(answer, {
      status: 400,
      code: "invalid_body",
      more: { issues: expect.arrayContaining([{ path: at, message: expect.stringMatching(/^\S.{3,200}$/) }]) },
    });
    expect(answer.text).not.toContain(secret);
  });

  test("every wrong member of a body at once", async () => {
    const body = { ...valid(), identity: { userIdentifier: 1, anonymousIdentifier: "" }, http: { url: 1 }, fastly: 1 };
    const { body: answer } = await send(body);
    expect(answer.issues.map(({ path: at }: { path: string }) => at).toSorted()).toEqual([
      "fastly",
      "http.url",
      "identity.anonymousIdentifier",
      "identity.userIdentifier",
    ]);
  });

  test("an unknown field in identity in words that say so", async () => {
    const { body } = await send({ ...valid(), identity: { ...identity, userIdentifer: secret } });
    expect(body.issues[0].message).toMatch(/unknown|not known|no such/i);
  });

  test.each(["", "{", "hello", "{'a':1}", "undefined", '{"identity":', "\u0000", "NaN", '{"a":1}{"b":2}'])(
    "%j, which is not JSON",
    async (text) => {
      expectRefusal(await send(text), { status: 400, code: "invalid_json", message: "Invalid JSON body" });
    },
  );

  test("an identifier that is not UTF-8, which would be somebody else's", async () => {
    const text = JSON.stringify({ ...valid(), identity: { anonymousIdentifier: "ren\u00e9" } });
    // of U+0000 to U+00FF Latin-1 makes the bytes of the same numbers
    const latin1 = Uint8Array.from(text, (character) => character.charCodeAt(0));
    const cut = new TextEncoder().encode(text).subarray(0, text.indexOf("\u00e9") + 1);
    for (const bytes of [latin1, cut]) {
      const length: Record<string, string> = { "content-length": String(bytes.length) };
      for (const headers of [{}, length]) {
        const answer = await ask(world, "POST", path, { body: bytes, headers });
        expectRefusal(answer, { status: 400, code: "invalid_json", message: "The body is not UTF-8" });
      }
    }
  });

  test.each(["null", "[]", "7", '"text"', "true"])("%s, which is JSON but no object", async (text) => {
    expectRefusal(await send(text), {
      status: 400,
      code: "invalid_body",
      more: { issues: expect.arrayContaining([expect.objectContaining({ message: expect.any(String) })]) },
    });
  });

  test("JSON that is nested deeper than anybody's stack", async () => {
    const answer = await send({ ...valid(), resource: { meta: { deep: nested(50_000) } } });
    expectRefusal(answer, { status: 400, code: "invalid_body", more: { issues: expect.any(Array) } });
  });

  test("a body one byte over 256 KiB whose length is told, before reading it", async () => {
    const body = padded(valid(), 256 * 1024 + 1);
    const answer = await ask(world, "POST", path, { body, headers: { "content-length": String(body.length) } });
    expectRefusal(answer, { status: 413, code: "body_too_large" });
  });

  test("a body one byte over 256 KiB whose length is not told", async () => {
    expectRefusal(await streamed(path, padded(valid(), 256 * 1024 + 1)), { status: 413, code: "body_too_large" });
  });

  test("a body over 256 KiB from somebody without a key, unread", async () => {
    const answer = await ask(world, "POST", path, { key: null, body: padded(valid(), 300 * 1024) });
    expectRefusal(answer, { status: 401, code: "invalid_api_key" });
  });

  test("GET, which is not there", async () => {
    expectRefusal(await ask(world, "GET", path), { status: 404, code: "not_found" });
  });
});

test("a decision's body of exactly 256 KiB is read", async () => {
  const body = padded({ surfaceSlug: "unknown", identity }, 256 * 1024);
  for (const answer of [
    await ask(world, "POST", "/api/v1/surface-decisions", { body }),
    await ask(world, "POST", "/api/v1/surface-decisions", { body, headers: { "content-length": String(body.length) } }),
    await streamed("/api/v1/surface-decisions", body),
  ]) {
    expectRefusal(answer, { status: 404, code: "surface_not_found" });
  }
});

test("a body in UTF-8 is read with and without a mark at its beginning, its length told or not", async () => {
  for (const text of [
    JSON.stringify({ surfaceSlug: "né", identity }),
    `\ufeff${JSON.stringify({ surfaceSlug: "né", identity })}`,
  ]) {
    const length = { "content-length": String(new TextEncoder().encode(text).length) };
    for (const headers of [{}, length]) {
      const answer = await ask(world, "POST", "/api/v1/surface-decisions", { body: text, headers });
      expectRefusal(answer, { status: 404, code: "surface_not_found", message: expect.stringContaining("né") });
    }
  }
});

function padded(body: object, bytes: number): string {
  const bare = JSON.stringify({ ...body, padding: "" }).length;
  return JSON.stringify({ ...body, padding: "x".repeat(bytes - bare) });
}

/** Sends a body in chunks, as a client that does not know its length. */
async function streamed(path: string, text: string): Promise<Answer> {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(bytes.subarray(at, at + 16_384));
      at += 16_384;
      if (at >= bytes.length) controller.close();
    },
  });
  const response = await world.app.request(path, {
    method: "POST",
    headers: { authorization: `Bearer ${world.secretKey}`, "content-type": "application/json" },
    body: stream,
    duplex: "half",
  });
  const answer = await response.text();
  return { status: response.status, text: answer, body: JSON.parse(answer), headers: response.headers };
}
