// Past 250 lines: a table of forged JWTs and the world that refuses them.
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { applyConfig } from "../../engine/config/apply.ts";
import { createEnvironment } from "../../engine/create-environment.ts";
import { createKey } from "../../engine/keys.ts";
import { expectRefusal, tracesOf } from "../api/answers.ts";
import { environmentOf, grant, signIn } from "../fakes/members.ts";
import { type Answer, ask, decideFor, redeemAs } from "../fakes/requests.ts";
import { sampleConfig } from "../fakes/sample-config.ts";
import { createWorld, origin, type World } from "../fakes/world.ts";

const issuer = "https://scrip.test";

let world: World;
let startMs: number;
let jwt: string;
let siteKey: CryptoKey;
let strangersKey: CryptoKey;
let otherKey: string;

beforeAll(async () => {
  world = await createWorld();
  startMs = world.clock.now();
  const site = await generateKeyPair("ES256");
  siteKey = site.privateKey;
  strangersKey = (await generateKeyPair("ES256")).privateKey;
  const jwks = { keys: [{ ...(await exportJWK(site.publicKey)), kid: "site", alg: "ES256" }] };
  await verifyWith({ algorithms: ["ES256"], jwks });
  await createEnvironment(world.engine, { id: "env_other", name: "Other" });
  otherKey = (await createKey(world.engine, "env_other", "sk", "other")).key;
  await grant(world, { identifier: "reader_1" });
});
afterAll(() => world.close());
beforeEach(async () => {
  world.clock.set(startMs);
  ({ jwt } = await signIn(world, "reader_1"));
});
afterEach(() => expect(world.faults.splice(0)).toEqual([]));

async function verifyWith(userJwt: object | null): Promise<void> {
  const options = { author: "test", dryRun: false, expectedVersion: null };
  await applyConfig(world.engine, world.environmentId, { ...sampleConfig(), userJwt }, options);
}

const claimsOf = (token: string): JWTPayload => JSON.parse(textOf(token.split(".")[1] ?? ""));
const headerOf = (token: string) => JSON.parse(textOf(token.split(".")[0] ?? ""));
const textOf = (part: string) => new TextDecoder().decode(Uint8Array.fromBase64(part, { alphabet: "base64url" }));
const segment = (value: unknown) =>
  new TextEncoder().encode(JSON.stringify(value)).toBase64({ alphabet: "base64url", omitPadding: true });

/** Signed with the server's own key: what is wrong is in the claims or the header. */
async function ours(changed: Record<string, unknown>, header: object = {}): Promise<string> {
  const { privateKey } = await world.engine.memberKeys.signing();
  return signed(privateKey, changed, header);
}

function signed(key: CryptoKey | Uint8Array, changed: Record<string, unknown>, header: object = {}): Promise<string> {
  const payload = JSON.parse(JSON.stringify({ ...claimsOf(jwt), ...changed }));
  return new SignJWT(payload).setProtectedHeader({ ...headerOf(jwt), ...header }).sign(key);
}

async function publicKey(): Promise<CryptoKey> {
  const { kid } = headerOf(jwt);
  const key = await world.engine.memberKeys.verifying(kid);
  if (key === undefined) throw new Error("the key is not published");
  return key.publicKey;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const asMember = (userJwt: string, more: object = {}): Promise<Answer> =>
  decideFor(world, { userJwt, ...more }, { dryRun: true });
const own = (token: string) => ask(world, "GET", "/api/v1/entitlements", { key: token });

describe("a member JWT", () => {
  test("has these claims and this header, and nothing more", () => {
    expect(claimsOf(jwt)).toEqual({
      sub: "reader_1",
      iss: issuer,
      aud: world.environmentId,
      iat: startMs / 1000,
      exp: startMs / 1000 + 900,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      products: ["digital"],
      sid: expect.stringMatching(/^ses_\w{20}$/),
    });
    expect(headerOf(jwt)).toEqual({ alg: "ES256", typ: "member+jwt", kid: expect.stringMatching(/^m_\w{12}$/) });
  });

  test("is the identity of a decision, a redemption and a check, with its claims", async () => {
    const identity = { authType: "jwt", isAuthenticated: true, identifier: "reader_1", jwtClaims: claimsOf(jwt) };
    const { body: decision } = await decideFor(world, { userJwt: jwt });
    expect(decision.identity).toEqual(identity);
    expect(decision.customer.hasProducts).toBe(true);
    const { status, body } = await redeemAs(world, { userJwt: jwt }, decision.offers[0].token);
    expect([status, body.identity]).toEqual([200, identity]);
    const check = await ask(world, "POST", "/api/v1/access-checks", { body: { identity: { userJwt: jwt } } });
    expect(check.body.identity).toEqual(identity);
  });

  test("is the identity for a page, and where the environment verifies no JWTs of its own", async () => {
    const ask1 = () =>
      ask(world, "POST", "/api/v1/surface-decisions", {
        key: world.publicKey,
        headers: { origin },
        body: { surfaceSlug: "web", identity: { userJwt: jwt }, dryRun: true },
      });
    expect((await ask1()).body.identity.identifier).toBe("reader_1");
    const { userJwt } = (await environmentOf(world)).compiled.config;
    await verifyWith(null);
    expect((await ask1()).body.identity.identifier).toBe("reader_1");
    await verifyWith(userJwt);
  });

  test("is not let into an event", async () => {
    const { body } = await decideFor(world, { userJwt: jwt });
    const event = await ask(world, "GET", `/api/v1/events/${body.eventId}`);
    expect(event.text).toContain("reader_1");
    expect(event.text).not.toContain(jwt);
  });

  test("ends when the clock says so", async () => {
    world.clock.advance(899_999);
    expect((await asMember(jwt)).status).toBe(200);
    world.clock.advance(1);
    expectRefusal(await asMember(jwt), { status: 401, code: "invalid_user_jwt" });
    expectRefusal(await own(jwt), { status: 401, code: "invalid_user_jwt" });
  });

  test("lists nothing for somebody who has nothing, and is a session all the same", async () => {
    const { jwt: empty } = await signIn(world, "reader_of_nothing");
    expect(claimsOf(empty).products).toEqual([]);
    expect((await own(empty)).body).toEqual({ status: "success", identifier: "reader_of_nothing", entitlements: [] });
  });

  test("of a guest lists what the guest's session may use", async () => {
    await grant(world, { identifier: "reader_2", guest: "guest_abc" });
    const { jwt: guests } = await signIn(world, "guest_abc");
    expect(claimsOf(guests)).toMatchObject({ sub: "guest_abc", products: ["digital"] });
    expect((await own(guests)).body.entitlements).toHaveLength(1);
  });
});

describe("the end of a member JWT", () => {
  const ends: [string, { start?: number; end: number | null; revoked?: number }[], number, string[]][] = [
    ["is 15 minutes away where nothing ends", [{ end: null }], 900, ["digital"]],
    ["is 15 minutes away where what ends first ends later", [{ end: 900_001 }], 900, ["digital"]],
    ["is the end of what it lists", [{ end: 60_000 }], 60, ["digital"]],
    ["is never past the end: whole seconds, rounded down", [{ end: 60_999 }], 60, ["digital"]],
    ["is the first end of several", [{ end: null }, { end: 120_000 }, { end: 60_000 }], 60, ["digital"]],
    ["does not hear of what is to come", [{ end: null }, { start: 10_000, end: 20_000 }], 900, ["digital"]],
    ["does not hear of what is over or revoked", [{ end: -1 }, { end: 9_000, revoked: 0 }], 900, []],
    ["is a second away at the least", [{ end: 1000 }], 1, ["digital"]],
    ["does not list what ends within this second", [{ end: 999 }], 900, []],
    ["lists what another entitlement carries on", [{ end: 500 }, { end: 30_000 }], 30, ["digital"]],
  ];

  test.each(ends)("%s", async (_what, rows, lifeSeconds, products) => {
    const identifier = `reader-${crypto.randomUUID()}`;
    for (const { start = -5000, end, revoked } of rows) {
      await grant(world, {
        identifier,
        startedAt: startMs + start,
        endedAt: end === null ? null : startMs + end,
        revokedAt: revoked === undefined ? null : startMs + revoked,
      });
    }
    const session = await signIn(world, identifier);
    expect(claimsOf(session.jwt)).toMatchObject({ exp: startMs / 1000 + lifeSeconds, products });
    expect(session.expiresAt).toBe(new Date(startMs + lifeSeconds * 1000).toISOString());
  });
});

const forged: [string, () => string | Promise<string>][] = [
  ["with alg none and no signature", () => `${segment({ ...headerOf(jwt), alg: "none" })}.${jwt.split(".")[1]}.`],
  ["with alg NONE and the signature", () => jwt.replace(/^[^.]+/, segment({ ...headerOf(jwt), alg: "NONE" }))],
  ["with HS256 keyed by the public JWK", async () => hs256(JSON.stringify(await exportJWK(await publicKey())))],
  ["with HS256 keyed by the public key as PEM", async () => hs256(await exportSPKI(await publicKey()))],
  ["with HS256 keyed by what is published", async () => hs256((await jwksText()) ?? "")],
  ["with ES384 in its header", () => jwt.replace(/^[^.]+/, segment({ ...headerOf(jwt), alg: "ES384" }))],
  ["for another environment", () => ours({ aud: "env_other" })],
  ["for several environments", () => ours({ aud: [world.environmentId, "env_other"] })],
  ["for no environment", () => ours({ aud: undefined })],
  ["of another issuer", () => ours({ iss: "https://evil.example" })],
  ["of an issuer with a slash more", () => ours({ iss: `${issuer}/` })],
  ["of no issuer", () => ours({ iss: undefined })],
  ["with the type of an offer token", () => ours({}, { typ: "offer+jwt" })],
  ["with the type JWT", () => ours({}, { typ: "JWT" })],
  ["without a type", () => ours({}, { typ: undefined })],
  ["that is an offer token", async () => (await decideFor(world, { userIdentifier: "reader_1" })).body.offers[0].token],
  ["that expires this second", () => ours({ exp: startMs / 1000 })],
  ["that never expires", () => ours({ exp: undefined })],
  ["that is not valid yet", () => ours({ nbf: startMs / 1000 + 60 })],
  ["of an unknown kid", () => ours({}, { kid: "m_unknown" })],
  ["of no kid", () => ours({}, { kid: undefined })],
  ["signed by a stranger under our kid", () => signed(strangersKey, {})],
  ["signed by the site's key under our kid", () => signed(siteKey, {})],
  ["signed by the site's key under the site's kid", () => signed(siteKey, {}, { kid: "site" })],
  ["that brings its own key", async () => signed(strangersKey, {}, { jwk: await exportJWK(await publicKey()) })],
  ["whose payload was changed", () => withPayload({ ...claimsOf(jwt), sub: "editor" })],
  ["whose products were changed", () => withPayload({ ...claimsOf(jwt), products: ["digital", "print"] })],
  ["whose signature was changed", () => tampered()],
  ["whose signature was cut off", () => jwt.replace(/[^.]+$/, "")],
  ["without a subject", () => ours({ sub: undefined })],
  ["with an empty subject", () => ours({ sub: "" })],
  ["with half a character as subject", () => ours({ sub: "\ud800" })],
  ["without an id", () => ours({ jti: undefined })],
  ["without products", () => ours({ products: undefined })],
  ["without a session", () => ours({ sid: undefined })],
  ["of a session that never was", () => ours({ sid: "ses_nowhere" })],
  ["of somebody else's session", async () => ours({ sid: claimsOf((await signIn(world, "reader_3")).jwt).sid })],
];

describe("a member JWT", () => {
  test.each(forged)("%s is nobody, everywhere", async (_what, make) => {
    const token = await make();
    const before = await tracesOf(world);
    const refusal = { status: 401, code: "invalid_user_jwt" } as const;
    const identity = { userJwt: token };
    const answers = [
      await decideFor(world, identity),
      await ask(world, "POST", "/api/v1/access-checks", { body: { identity, products: ["digital"] } }),
      await own(token),
    ];
    for (const answer of answers) {
      expectRefusal(answer, refusal);
      for (const part of token.split(".")) if (part.length > 8) expect(answer.text).not.toContain(part);
    }
    expect(await tracesOf(world)).toEqual(before);
  });

  test.each(forged)("%s becomes a minted identity where a fallback was asked for", async (_what, make) => {
    const { status, body } = await asMember(await make(), { createAnonymousIdentifierFallback: true });
    expect([status, body.identity.authType, body.customer.hasProducts]).toEqual([200, "anonymous", false]);
  });

  test("is nobody in another environment, whose own key asks", async () => {
    const identity = { userJwt: jwt };
    const answer = await ask(world, "POST", "/api/v1/access-checks", { key: otherKey, body: { identity } });
    expectRefusal(answer, { status: 401, code: "invalid_user_jwt" });
  });

  test("of another server is refused as a member JWT where the environment verifies no JWTs", async () => {
    const { userJwt } = (await environmentOf(world)).compiled.config;
    await verifyWith(null);
    const answer = await asMember(await ours({ iss: "https://other.example" }));
    await verifyWith(userJwt);
    expectRefusal(answer, { status: 401, code: "invalid_user_jwt" });
  });

  test("of a kid that was retired is nobody", async () => {
    const { privateKey, kid } = await world.engine.memberKeys.signing();
    await world.engine.memberKeys.rotate();
    const later = () => ({ iat: world.clock.now() / 1000, exp: world.clock.now() / 1000 + 900 });
    world.clock.advance(20 * 60_000);
    const last = await signed(privateKey, later(), { kid });
    expect((await asMember(last)).status).toBe(200);
    world.clock.advance(60_000);
    const retired = await signed(privateKey, later(), { kid });
    expectRefusal(await asMember(retired), { status: 401, code: "invalid_user_jwt" });
  });
});

describe("a site's own JWT", () => {
  const site = () =>
    new SignJWT({})
      .setSubject("site_user")
      .setIssuedAt(startMs / 1000)
      .setExpirationTime(startMs / 1000 + 60);

  test("is verified by the environment's settings, beside member JWTs", async () => {
    const token = await site().setProtectedHeader({ alg: "ES256", kid: "site" }).sign(siteKey);
    expect((await asMember(token)).body.identity.identifier).toBe("site_user");
    const another = await site()
      .setIssuer("https://site.example")
      .setProtectedHeader({ alg: "ES256", typ: "member+jwt" });
    expect((await asMember(await another.sign(siteKey))).body.identity.identifier).toBe("site_user");
  });

  test("reads nobody's entitlements by itself", async () => {
    const token = await site().setAudience(world.environmentId).setProtectedHeader({ alg: "ES256" }).sign(siteKey);
    expectRefusal(await own(token), { status: 401, code: "invalid_user_jwt" });
  });
});

function hs256(secret: string): Promise<string> {
  return signed(bytes(secret), {}, { alg: "HS256" });
}

async function jwksText(): Promise<string | undefined> {
  const { body } = await ask(world, "GET", "/.well-known/jwks.json", { key: null });
  return JSON.stringify(body.keys[0]);
}

function withPayload(payload: object): string {
  const [header, , signature] = jwt.split(".");
  return `${header}.${segment(payload)}.${signature}`;
}

function tampered(): string {
  const [header, payload, signature = ""] = jwt.split(".");
  return `${header}.${payload}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
}
