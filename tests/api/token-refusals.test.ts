// Past 250 lines: a table of tokens and the world that refuses them.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { applyConfig } from "../../engine/config/apply.ts";
import { createEnvironment } from "../../engine/create-environment.ts";
import { createKey } from "../../engine/keys.ts";
import { rotateSigningKey } from "../../engine/signing-keys.ts";
import type { ErrorCode } from "../../schemas/error-codes.ts";
import { type Answer, ask, decideFor, redeemAs } from "../fakes/requests.ts";
import { sampleConfig } from "../fakes/sample-config.ts";
import { createWorld, type World } from "../fakes/world.ts";
import { countingSandbox, eventOf, expectRefusal, tracesOf } from "./answers.ts";
import { hmacKey, hmacToken, partsOf, reissued, segment, signingKeyOf } from "./offer-tokens.ts";

const { sandbox, runs } = countingSandbox();
const buyer = { userIdentifier: "buyer@example.com" };
const start = Date.parse("2026-03-01T12:00:00Z");
let world: World;
let token: string;
let ranBefore: number;
let before: Record<string, number>;

beforeAll(async () => {
  world = await createWorld({ sandbox });
  await createEnvironment(world.engine, { id: "env_other", name: "Other" });
});
afterAll(() => world.close());
beforeEach(async () => {
  token = await tokenOf(buyer);
  ranBefore = runs();
  before = await tracesOf(world);
});
afterEach(async () => {
  world.clock.set(start);
  expect(world.faults.splice(0)).toEqual([]);
});

const tokenOf = async (identity: object, more: Record<string, unknown> = {}): Promise<string> =>
  (await decideFor(world, identity, more)).body.offers[0].token;

/** Expects a refusal that left an event, and nothing else: no claim, no run, no request to Stripe. */
async function expectRefused(answer: Answer, status: number, code: ErrorCode, sent: string): Promise<void> {
  expectRefusal(answer, { status, code, event: true });
  expect(answer.text).not.toContain(sent);
  const event = await eventOf(world, answer.body.eventId);
  expect(event).toMatchObject({ type: "offer-redemption", status: code });
  expect(event.data.refusal).toEqual({ code, message: answer.body.message });
  if (sent.length > 20) expect(JSON.stringify(event)).not.toContain(sent);
  expect(await tracesOf(world)).toEqual({ ...before, events: (before.events ?? 0) + 1 });
  expect(runs()).toBe(ranBefore);
}

async function apply(change: (config: ReturnType<typeof sampleConfig>) => unknown): Promise<void> {
  const options = { author: "test", dryRun: false, expectedVersion: null };
  await applyConfig(world.engine, world.environmentId, change(sampleConfig()), options);
  before = await tracesOf(world);
}

/** What is wrong with a token, how it is made from a right one, and what it is refused with. */
const forged: [string, (right: string) => string | Promise<string>, number, ErrorCode][] = [
  ["that is a word", () => "hello", 400, "token_malformed"],
  ["that is two words", () => "hello.world", 400, "token_malformed"],
  ["that is dots", () => "..", 400, "token_malformed"],
  ["with a space around it", (right) => ` ${right} `, 400, "token_signature_invalid"],
  ["with a fourth part", (right) => `${right}.more`, 400, "token_malformed"],
  ["without a signature", (right) => right.slice(0, right.lastIndexOf(".")), 400, "token_malformed"],
  ["whose payload is no JSON", (right) => replaced(right, 1, btoa("hello")), 400, "token_malformed"],
  ["whose payload is a list", (right) => replaced(right, 1, segment([])), 400, "token_malformed"],
  ["whose payload names no environment", (right) => reissued(world, right, { aud: undefined }), 400, "token_malformed"],
  ["for a list of environments", (right) => reissued(world, right, { aud: ["env_preview"] }), 400, "token_malformed"],
  ["whose header is no JSON", (right) => replaced(right, 0, btoa("hello")), 400, "token_malformed"],
  ["with a payload of somebody else", (right) => tampered(right, { sub: "thief" }), 400, "token_signature_invalid"],
  ["with another plan", (right) => tampered(right, { plan: null }), 400, "token_signature_invalid"],
  ["with more time", (right) => tampered(right, { exp: 4_102_444_800 }), 400, "token_signature_invalid"],
  ["with another signature", (right) => otherSignature(right), 400, "token_signature_invalid"],
  ["with an empty signature", (right) => replaced(right, 2, ""), 400, "token_signature_invalid"],
  ["with alg none", (right) => withHeader(right, { alg: "none" }), 400, "token_signature_invalid"],
  [
    "with alg None and no signature",
    (right) => replaced(withHeader(right, { alg: "None" }), 2, ""),
    400,
    "token_signature_invalid",
  ],
  ["with alg RS256", (right) => withHeader(right, { alg: "RS256" }), 400, "token_signature_invalid"],
  ["signed with a stranger's key", async (right) => signedBy(right, await hmacKey()), 400, "token_signature_invalid"],
  [
    "signed with an empty key's neighbour",
    async (right) => signedBy(right, await hmacKey(new Uint8Array(32))),
    400,
    "token_signature_invalid",
  ],
  [
    "signed with HS512",
    async (right) => signedBy(right, await hmacKey(undefined, "SHA-512"), { alg: "HS512" }),
    400,
    "token_signature_invalid",
  ],
  ["of an unknown kid", (right) => reissued(world, right, {}, { kid: "k_unknown" }), 400, "token_signature_invalid"],
  ["of the kid __proto__", (right) => reissued(world, right, {}, { kid: "__proto__" }), 400, "token_signature_invalid"],
  ["without a kid", (right) => reissued(world, right, {}, { kid: undefined }), 400, "token_signature_invalid"],
  ["without a typ", (right) => reissued(world, right, {}, { typ: undefined }), 400, "token_malformed"],
  ["of another typ", (right) => reissued(world, right, {}, { typ: "JWT" }), 400, "token_malformed"],
  ["with a critical header", (right) => reissued(world, right, {}, { crit: ["x"], x: 1 }), 400, "token_malformed"],
  ["without an offering id", (right) => reissued(world, right, { jti: undefined }), 400, "token_malformed"],
  ["without an end", (right) => reissued(world, right, { exp: undefined }), 400, "token_malformed"],
  ["without an identity", (right) => reissued(world, right, { sub: undefined }), 400, "token_malformed"],
  ["without a version", (right) => reissued(world, right, { version: undefined }), 400, "token_malformed"],
  ["for another environment", (right) => reissued(world, right, { aud: "env_other" }), 403, "token_wrong_environment"],
  [
    "for an environment that is not",
    (right) => reissued(world, right, { aud: "env_x" }),
    403,
    "token_wrong_environment",
  ],
  ["that expires this second", (right) => reissued(world, right, { exp: start / 1000 }), 410, "token_expired"],
  ["of a dry run", () => tokenOf(buyer, { dryRun: true }), 409, "token_dry_run"],
  [
    "for an offer that never was",
    (right) => reissued(world, right, { offer: "off_00000000" }),
    410,
    "offer_unavailable",
  ],
  ["for a plan that never was", (right) => reissued(world, right, { plan: "plan_00000000" }), 410, "offer_unavailable"],
  ["of a version that never was", (right) => reissued(world, right, { version: 9999 }), 410, "offer_unavailable"],
];

describe("an offer token is refused, with an event and no run,", () => {
  test.each(forged)("%s", async (_what, make, status, code) => {
    const sent = await make(token);
    // making a token may itself have decided something
    before = await tracesOf(world);
    await expectRefused(await redeemAs(world, buyer, sent), status, code, sent);
  });

  test("with a key of another environment", async () => {
    const { key } = await createKey(world.engine, "env_other", "sk", "");
    const answer = await ask(world, "POST", "/api/v1/offer-redemptions", {
      key,
      body: { identity: buyer, offerToken: token },
    });
    expectRefusal(answer, { status: 403, code: "token_wrong_environment", event: true });
    const path = `/api/v1/events/${answer.body.eventId}`;
    expect((await ask(world, "GET", path, { key })).body.event.status).toBe("token_wrong_environment");
    expectRefusal(await ask(world, "GET", path), { status: 404, code: "event_not_found" });
    expect(runs()).toBe(ranBefore);
  });

  test("when its time is over", async () => {
    world.clock.advance(86_400_000 - 1000);
    expect((await redeemAs(world, buyer, token)).status).toBe(200);
    const other = await tokenOf(buyer);
    world.clock.advance(86_400_000);
    ranBefore = runs();
    before = await tracesOf(world);
    await expectRefused(await redeemAs(world, buyer, other), 410, "token_expired", other);
  });
});

describe("an offer token is bound to its identity and refused", () => {
  test.each([
    ["by another user", buyer, { userIdentifier: "thief@example.com" }],
    ["by an anonymous visitor of the same name", buyer, { anonymousIdentifier: buyer.userIdentifier }],
    ["by a newly minted visitor", buyer, { createAnonymousIdentifier: true }],
    ["by a user whose name differs in case only", buyer, { userIdentifier: "Buyer@example.com" }],
    ["by another anonymous visitor", { anonymousIdentifier: "anon_1" }, { anonymousIdentifier: "anon_2" }],
    [
      "by a minted visitor in an anonymous one's place",
      { anonymousIdentifier: "anon_1" },
      { createAnonymousIdentifier: true },
    ],
  ])("%s", async (_what, owner, taker) => {
    const sent = await tokenOf(owner);
    before = await tracesOf(world);
    await expectRefused(await redeemAs(world, taker, sent), 403, "token_identity_mismatch", sent);
  });

  test("not by the visitor it was minted for", async () => {
    const { body } = await decideFor(world, { createAnonymousIdentifier: true });
    const own = { anonymousIdentifier: body.identity.identifier };
    const answer = await redeemAs(world, own, body.offers[0].token);
    expect(answer.body.action.url).toContain("https://example.com/sign-up");
  });

  test("not by an authenticated user when an anonymous visitor got it", async () => {
    const sent = await tokenOf({ anonymousIdentifier: "anon_1" });
    expect((await redeemAs(world, buyer, sent)).status).toBe(200);
  });
});

describe("an offer token is refused after a change of the configuration", () => {
  afterEach(() => apply((config) => config));

  const unpublished: [string, (config: ReturnType<typeof sampleConfig>) => unknown][] = [
    ["that unpublished its offer", (c) => ({ ...c, offers: c.offers.map((o) => ({ ...o, published: false })) })],
    ["that removed its offer", (c) => ({ ...c, offers: [], experiences: [], surfaces: [] })],
    [
      "that ended its offer's window",
      (c) => ({ ...c, offers: c.offers.map((o) => ({ ...o, filters: { until: "2026-03-01T12:00:00Z" } })) }),
    ],
    [
      "that moved its offer's window into the future",
      (c) => ({ ...c, offers: c.offers.map((o) => ({ ...o, filters: { from: "2026-03-01T12:00:01Z" } })) }),
    ],
    [
      "that took its plan out of the offer",
      (c) => ({
        ...c,
        plans: [...c.plans, { slug: "yearly", name: "Yearly", products: ["digital"] }],
        offers: c.offers.map((o) => ({ ...o, plans: ["yearly"] })),
      }),
    ],
    ["that removed its plan", (c) => ({ ...c, plans: [], offers: c.offers.map((o) => ({ ...o, plans: [] })) })],
  ];

  test.each(unpublished)("%s", async (_what, change) => {
    await apply(change);
    await expectRefused(await redeemAs(world, buyer, token), 410, "offer_unavailable", token);
  });

  test("but not after one that changed its price: what was shown is what is charged", async () => {
    await apply((c) => ({
      ...c,
      offers: c.offers.map((o) => ({ ...o, redemption: { ...o.redemption, prices: [], mode: "subscription" } })),
    }));
    const { status } = await redeemAs(world, buyer, token);
    expect(status).toBe(200);
    expect(world.stripe.sessions()[0]?.amount_total).toBe(1000);
  });
});

describe("a window's end", () => {
  test("is the end of the tokens that were issued in it", async () => {
    await apply((c) => ({ ...c, offers: c.offers.map((o) => ({ ...o, filters: { until: "2026-03-01T12:10:00Z" } })) }));
    const sent = await tokenOf(buyer);
    expect(partsOf(sent).payload.exp).toBe(Date.parse("2026-03-01T12:10:00Z") / 1000);
    world.clock.advance(600_000);
    before = await tracesOf(world);
    await expectRefused(await redeemAs(world, buyer, sent), 410, "token_expired", sent);
    await apply((config) => config);
  });
});

describe("after the signing key was rotated, a token of the old key", () => {
  let oldKey: { kid: string; key: CryptoKey };
  let old: string;
  beforeAll(async () => {
    oldKey = await signingKeyOf(world);
    old = await tokenOf(buyer);
    await rotateSigningKey(world.engine, world.environmentId);
  });

  test("is still good", async () => {
    const { status, body } = await redeemAs(world, buyer, old);
    expect(status).toBe(200);
    expect(body.action.type).toBe("navigate");
  });

  test("is no longer issued", async () => {
    expect(partsOf(token).header.kid).not.toBe(oldKey.kid);
    expect((await redeemAs(world, buyer, token)).status).toBe(200);
  });

  test("is refused once the key is retired, whatever its claims say", async () => {
    const retired = start + 2_592_000_000;
    const payload = { ...partsOf(token).payload, exp: retired / 1000 + 3600 };
    const sent = await hmacToken({ alg: "HS256", typ: "offer+jwt", kid: oldKey.kid }, payload, oldKey.key);
    world.clock.set(retired + 1000);
    before = await tracesOf(world);
    await expectRefused(await redeemAs(world, buyer, sent), 400, "token_signature_invalid", sent);
  });
});

function replaced(token: string, part: 0 | 1 | 2, text: string): string {
  return token.split(".").with(part, text).join(".");
}

function tampered(token: string, change: object): string {
  return replaced(token, 1, segment({ ...partsOf(token).payload, ...change }));
}

function withHeader(token: string, change: object): string {
  return replaced(token, 0, segment({ ...partsOf(token).header, ...change }));
}

function otherSignature(token: string): string {
  const { signature } = partsOf(token);
  return replaced(token, 2, `${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`);
}

function signedBy(token: string, key: CryptoKey, change: object = {}): Promise<string> {
  const { header, payload } = partsOf(token);
  return hmacToken({ ...header, ...change }, payload, key);
}
