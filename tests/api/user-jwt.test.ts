// Past 250 lines: a table of JWTs and the world that verifies them.
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { applyConfig } from "../../engine/config/apply.ts";
import { createLocalStripe } from "../../local-stripe/local-stripe.ts";
import { type Answer, ask, decideFor } from "../fakes/requests.ts";
import { sampleConfig } from "../fakes/sample-config.ts";
import { createWorld, origin, type World } from "../fakes/world.ts";
import { expectRefusal, tracesOf } from "./answers.ts";

const issuer = "https://id.example.com";
const audience = "the-test-times";
const jwksUri = "https://id.example.com/jwks.json";

/** What the identity provider answers at `jwksUri`, and how often it was asked. */
const provider = { answer: (): Response => Response.error(), asked: 0 };

let world: World;
let key: CryptoKey;
let publicJwk: JWK;
let strangersKey: CryptoKey;
let startSeconds: number;

beforeAll(async () => {
  const pair = await generateKeyPair("ES256");
  key = pair.privateKey;
  publicJwk = { ...(await exportJWK(pair.publicKey)), kid: "own", alg: "ES256" };
  strangersKey = (await generateKeyPair("ES256")).privateKey;
  const stripe = createLocalStripe({ publicUrl: "http://stripe.test", secretKeys: ["sk_test_world"] });
  const price = { id: "price_premium", product: "prod_premium", currency: "gbp", unitAmount: 1000 };
  stripe.putCatalogue({
    products: [{ id: "prod_premium", name: "Premium" }],
    prices: [{ ...price, recurring: { interval: "month" } }],
  });
  world = await createWorld({
    stripe: {
      ...stripe,
      fetch: async (input, init) => {
        const url = new Request(input, init).url;
        if (url !== jwksUri) return stripe.fetch(input, init);
        provider.asked++;
        return provider.answer();
      },
    },
  });
  startSeconds = world.clock.now() / 1000;
});
afterAll(() => world.close());
afterEach(() => expect(world.faults.splice(0)).toEqual([]));

/** Puts other JWT settings in force. */
async function verifyWith(userJwt: object | null): Promise<void> {
  const document = { ...sampleConfig(), userJwt };
  const options = { author: "test", dryRun: false, expectedVersion: null };
  await applyConfig(world.engine, world.environmentId, document, options);
}

const inline = () => ({ algorithms: ["ES256"], jwks: { keys: [publicJwk] }, issuer, audience });

/** Claims that are right, an hour long. */
const claims = (): JWTPayload => ({
  sub: "reader_1",
  iss: issuer,
  aud: audience,
  iat: startSeconds,
  exp: startSeconds + 3600,
  tier: { level: "gold" },
});

const sign = (payload: JWTPayload, privateKey: CryptoKey | Uint8Array = key, header: object = {}) =>
  new SignJWT(payload).setProtectedHeader({ alg: "ES256", kid: "own", ...header }).sign(privateKey);

const segment = (value: unknown) =>
  new TextEncoder().encode(JSON.stringify(value)).toBase64({ alphabet: "base64url", omitPadding: true });

const as = (userJwt: string, more: object = {}): Promise<Answer> =>
  decideFor(world, { userJwt, ...more }, { dryRun: true });

const reader = () => ({ authType: "jwt", isAuthenticated: true, identifier: "reader_1", jwtClaims: claims() });
const minted = {
  authType: "anonymous",
  isAuthenticated: false,
  identifier: expect.stringMatching(/^anon_\S{20,}$/),
  jwtClaims: {},
};

describe("a user JWT under inline keys", () => {
  beforeAll(() => verifyWith(inline()));

  test("is the identity, with its claims", async () => {
    const { status, body } = await as(await sign(claims()));
    expect(status).toBe(200);
    expect(body.identity).toEqual(reader());
  });

  test("is the identity for a page too", async () => {
    const { body } = await ask(world, "POST", "/api/v1/surface-decisions", {
      key: world.publicKey,
      headers: { origin },
      body: { surfaceSlug: "web", identity: { userJwt: await sign(claims()) }, dryRun: true },
    });
    expect(body.identity).toEqual(reader());
  });

  test("is the identity although a fallback was allowed", async () => {
    const { body } = await as(await sign(claims()), { createAnonymousIdentifierFallback: true });
    expect(body.identity).toEqual(reader());
  });

  test("redeems the offer that it was shown", async () => {
    const userJwt = await sign(claims());
    const { body: decision } = await decideFor(world, { userJwt });
    const { status, body } = await ask(world, "POST", "/api/v1/offer-redemptions", {
      body: { identity: { userJwt }, offerToken: decision.offers[0].token },
    });
    expect(status).toBe(200);
    expect(body.identity).toEqual(reader());
  });

  const wrong: [string, () => string | Promise<string>][] = [
    ["signed by somebody else", () => sign(claims(), strangersKey)],
    ["of another issuer", () => sign({ ...claims(), iss: "https://evil.example" })],
    ["without an issuer", () => sign({ ...claims(), iss: undefined })],
    ["for another audience", () => sign({ ...claims(), aud: "another-paper" })],
    ["without an audience", () => sign({ ...claims(), aud: undefined })],
    ["that expires this second", () => sign({ ...claims(), exp: startSeconds })],
    ["that expired a second ago", () => sign({ ...claims(), exp: startSeconds - 1 })],
    ["that never expires", () => sign({ ...claims(), exp: undefined })],
    ["that is not valid yet", () => sign({ ...claims(), nbf: startSeconds + 60 })],
    ["without a subject", () => sign({ ...claims(), sub: undefined })],
    ["with an empty subject", () => sign({ ...claims(), sub: "" })],
    ["with a subject of 513 characters", () => sign({ ...claims(), sub: "x".repeat(513) })],
    ["with a number as subject", () => signed({ alg: "ES256", kid: "own" }, { ...claims(), sub: 7 })],
    ["of an unknown kid", () => sign(claims(), strangersKey, { kid: "another" })],
    ["with alg none and no signature", () => `${segment({ alg: "none" })}.${segment(claims())}.`],
    ["with alg NONE and no signature", () => `${segment({ alg: "NONE", kid: "own" })}.${segment(claims())}.`],
    ["with HS256 keyed by the public key", () => sign(claims(), publicKeyBytes(), { alg: "HS256" })],
    ["whose payload was changed", async () => withPayload(await sign(claims()), { ...claims(), sub: "editor" })],
    ["whose signature was cut off", async () => (await sign(claims())).replace(/[^.]+$/, "")],
    ["whose signature was changed", async () => tampered(await sign(claims()))],
    [
      "with a critical header that nobody knows",
      () => signed({ alg: "ES256", kid: "own", crit: ["novelty"], novelty: true }, claims()),
    ],
    ["that brings its own key", async () => sign(claims(), strangersKey, { jwk: await exportJWK(await publicOf()) })],
    ["that is a word", () => "hello"],
    ["that is three words", () => "a.b.c"],
    ["that is dots", () => "..."],
    ["that is an encrypted token", () => "a.b.c.d.e"],
  ];

  test.each(wrong)("%s is refused, and nothing of it is repeated", async (_what, make) => {
    const before = await tracesOf(world);
    const jwt = await make();
    const answer = await decideFor(world, { userJwt: jwt });
    expectRefusal(answer, { status: 401, code: "invalid_user_jwt" });
    for (const part of jwt.split(".")) if (part.length > 8) expect(answer.text).not.toContain(part);
    expect(await tracesOf(world)).toEqual(before);
  });

  test.each(wrong)("%s becomes a minted identity where a fallback was asked for", async (_what, make) => {
    const { status, body } = await as(await make(), { createAnonymousIdentifierFallback: true });
    expect(status).toBe(200);
    expect(body.identity).toEqual(minted);
  });

  test("that is wrong is refused when the fallback is false", async () => {
    const answer = await as("hello", { createAnonymousIdentifierFallback: false });
    expectRefusal(answer, { status: 401, code: "invalid_user_jwt" });
  });

  test("that is wrong redeems nothing", async () => {
    const { body: decision } = await decideFor(world, { anonymousIdentifier: "anon_1" });
    const before = await tracesOf(world);
    const answer = await ask(world, "POST", "/api/v1/offer-redemptions", {
      body: { identity: { userJwt: "hello" }, offerToken: decision.offers[0].token },
    });
    expectRefusal(answer, { status: 401, code: "invalid_user_jwt" });
    expect(await tracesOf(world)).toEqual(before);
  });

  test("ends when the clock says so", async () => {
    const jwt = await sign(claims());
    world.clock.advance(3599_000);
    const last = await as(jwt);
    world.clock.advance(1000);
    const over = await as(jwt);
    world.clock.set(startSeconds * 1000);
    expect(last.status).toBe(200);
    expectRefusal(over, { status: 401, code: "invalid_user_jwt" });
  });

  test("does not let its text into the event", async () => {
    const jwt = await sign(claims());
    const { body } = await decideFor(world, { userJwt: jwt });
    const { text } = await ask(world, "GET", `/api/v1/events/${body.eventId}`);
    expect(text).not.toContain(jwt);
    expect(text).toContain("reader_1");
  });

  test("names the user by the claim that the environment chose", async () => {
    await verifyWith({ ...inline(), identifierClaim: "email" });
    const { body } = await as(await sign({ ...claims(), email: "reader@example.com" }));
    const without = await as(await sign(claims()));
    await verifyWith(inline());
    expect(body.identity.identifier).toBe("reader@example.com");
    expectRefusal(without, { status: 401, code: "invalid_user_jwt" });
  });
});

describe("a user JWT under keys from a jwksUri", () => {
  beforeAll(() => verifyWith({ algorithms: ["ES256"], jwksUri, issuer, audience }));

  test("waits, with Retry-After, when the keys cannot be had", async () => {
    provider.answer = () => new Response("down", { status: 500 });
    const before = await tracesOf(world);
    const answer = await decideFor(world, { userJwt: await sign(claims()) });
    expectRefusal(answer, { status: 503, code: "jwks_unavailable" });
    expect(answer.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    expect(await tracesOf(world)).toEqual(before);
  });

  test("waits when the provider answers with something else than keys", async () => {
    provider.answer = () => Response.json({ keys: "none" });
    expectRefusal(await as(await sign(claims())), { status: 503, code: "jwks_unavailable" });
  });

  test("waits when the provider cannot be reached", async () => {
    provider.answer = () => {
      throw new TypeError("fetch failed");
    };
    expectRefusal(await as(await sign(claims())), { status: 503, code: "jwks_unavailable" });
  });

  test("becomes a minted identity while the keys cannot be had, where a fallback was asked for", async () => {
    const { body } = await as(await sign(claims()), { createAnonymousIdentifierFallback: true });
    expect(body.identity).toEqual(minted);
  });

  test("is the identity as soon as the keys can be had, and they are kept", async () => {
    provider.answer = () => Response.json({ keys: [publicJwk] });
    provider.asked = 0;
    const jwt = await sign(claims());
    expect((await as(jwt)).body.identity).toEqual(reader());
    expect((await as(jwt)).body.identity).toEqual(reader());
    expect(provider.asked).toBe(1);
  });

  test("is refused when somebody else signed it", async () => {
    expectRefusal(await as(await sign(claims(), strangersKey)), { status: 401, code: "invalid_user_jwt" });
  });
});

describe("a user JWT where the environment verifies none", () => {
  beforeAll(() => verifyWith(null));

  test("is refused as a matter of configuration", async () => {
    const before = await tracesOf(world);
    const answer = await decideFor(world, { userJwt: await sign(claims()) });
    expectRefusal(answer, { status: 400, code: "user_jwt_not_configured" });
    expect(await tracesOf(world)).toEqual(before);
  });

  test("becomes a minted identity where a fallback was asked for", async () => {
    const { body } = await as(await sign(claims()), { createAnonymousIdentifierFallback: true });
    expect(body.identity).toEqual(minted);
  });
});

async function signed(header: object, payload: object): Promise<string> {
  const text = `${segment(header)}.${segment(payload)}`;
  const algorithm = { name: "ECDSA", hash: "SHA-256" };
  const signature = await crypto.subtle.sign(algorithm, key, new TextEncoder().encode(text));
  return `${text}.${new Uint8Array(signature).toBase64({ alphabet: "base64url", omitPadding: true })}`;
}

async function publicOf(): Promise<CryptoKey> {
  return (await generateKeyPair("ES256", { extractable: true })).publicKey;
}

function publicKeyBytes(): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(publicJwk));
}

function withPayload(jwt: string, payload: object): string {
  const [header, , signature] = jwt.split(".");
  return `${header}.${segment(payload)}.${signature}`;
}

function tampered(jwt: string): string {
  const [header, payload, signature = ""] = jwt.split(".");
  return `${header}.${payload}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
}
