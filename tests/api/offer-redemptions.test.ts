// Past 250 lines: one route, its answers, refusals and security.
import * as v from "valibot";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { OfferRedemption } from "../../schemas/decision.ts";
import { ask, decideFor, redeemAs } from "../fakes/requests.ts";
import { method } from "../fakes/sample-config.ts";
import { createWorld, origin, type World } from "../fakes/world.ts";
import { countingSandbox, eventOf, expectRefusal, uuid } from "./answers.ts";
import { partsOf } from "./offer-tokens.ts";

/** Answers with what its offer says, and with all that it was given. */
const echo = `export default (args) => {
  const { offer } = args;
  const { result, tell } = offer.redemption;
  return tell ? { ...result, properties: { args: JSON.parse(JSON.stringify(args)) } } : result;
};`;

const results: Record<string, object> = {
  yes: { success: true },
  "yes-with-words": { success: true, statusCode: 201, message: "Enjoy", properties: { code: "GIFT", n: [1, null] } },
  navigate: {
    success: true,
    action: "navigate",
    url: "https://example.com/?a=b&c=%20",
    properties: { target: "_top" },
  },
  no: { success: false },
  "no-with-words": { success: false, statusCode: 422, message: "Sold to somebody else" },
  "no-with-action": { success: false, statusCode: 401, action: "navigate", url: "https://example.com/sign-up" },
  "no-with-properties": { success: false, statusCode: 409, properties: { reason: "stock" } },
};

const { sandbox, runs } = countingSandbox();
let world: World;
beforeAll(async () => {
  world = await createWorld({
    sandbox,
    config: (config) => {
      const offer = (slug: string, redemption: object) => ({ slug, name: slug, method: "echo", redemption });
      return {
        ...config,
        redemptionMethods: [...config.redemptionMethods, method("echo", echo)],
        offers: [
          ...config.offers,
          ...Object.entries(results).map(([slug, result]) => offer(slug, { result, account: "kept-from-clients" })),
          offer("all", { result: { success: true }, tell: true, nested: { deep: [1] } }),
        ],
        experiences: [
          ...config.experiences,
          ...[...Object.keys(results), "all"].map((slug) => ({ slug, type: "html", html: "", offers: [slug] })),
        ],
        surfaces: [
          ...config.surfaces,
          ...[...Object.keys(results), "all"].map((slug) => ({
            slug,
            components: [{ slug: "c", slots: [{ key: "s", experience: slug }] }],
          })),
        ],
      };
    },
  });
});
afterAll(() => world.close());
afterEach(() => expect(world.faults.splice(0)).toEqual([]));

const buyer = { userIdentifier: "buyer@example.com" };
const tokenFor = async (surfaceSlug: string, identity: object = buyer): Promise<string> =>
  (await decideFor(world, identity, { surfaceSlug })).body.offers[0].token;
const redeemed = async (surfaceSlug: string) => redeemAs(world, buyer, await tokenFor(surfaceSlug));

const identity = { authType: "provided", isAuthenticated: true, identifier: "buyer@example.com", jwtClaims: {} };
const eventId = expect.stringMatching(uuid);

describe("an offer redemption answers", () => {
  test.each([
    ["yes", { statusCode: 200, action: { type: "custom", properties: {} } }],
    [
      "yes-with-words",
      { statusCode: 201, message: "Enjoy", action: { type: "custom", properties: { code: "GIFT", n: [1, null] } } },
    ],
    [
      "navigate",
      {
        statusCode: 200,
        action: { type: "navigate", properties: { target: "_top" }, url: "https://example.com/?a=b&c=%20" },
      },
    ],
  ])("success with every member when the workflow says %s", async (slug, expected) => {
    const { status, body } = await redeemed(slug);
    expect(body).toEqual({ status: "success", eventId, identity, ...expected });
    expect(v.parse(OfferRedemption, body)).toEqual(body);
    expect(status).toBe(expected.statusCode);
    const event = await eventOf(world, body.eventId);
    expect(event).toMatchObject({ type: "offer-redemption", status: "success", identifier: "buyer@example.com" });
    expect(event.data.response).toEqual({ status, body });
  });

  const refused = { code: "redemption_refused" } as const;
  test.each([
    ["no", 400, "The redemption was refused", {}],
    ["no-with-words", 422, "Sold to somebody else", {}],
    [
      "no-with-action",
      401,
      "The redemption was refused",
      { action: { type: "navigate", properties: {}, url: "https://example.com/sign-up" } },
    ],
    [
      "no-with-properties",
      409,
      "The redemption was refused",
      { action: { type: "custom", properties: { reason: "stock" } } },
    ],
  ])("the workflow's own refusal when it says %s", async (slug, status, message, more) => {
    const answer = await redeemed(slug);
    expectRefusal(answer, { ...refused, status, message, event: true, more });
    const event = await eventOf(world, answer.body.eventId);
    expect(event).toMatchObject({ type: "offer-redemption", status: `refused_${status}` });
  });

  test("the same after success, from one run, when the token is sent again", async () => {
    const token = await tokenFor("yes");
    const before = runs();
    const first = await redeemAs(world, buyer, token);
    const again = await redeemAs(world, buyer, token);
    expect(again.text).toBe(first.text);
    expect(again.status).toBe(first.status);
    expect(runs() - before).toBe(1);
  });

  test("after a refusal anew, from a run of its own", async () => {
    const token = await tokenFor("no");
    const before = runs();
    const first = await redeemAs(world, buyer, token);
    const again = await redeemAs(world, buyer, token);
    expect(again.status).toBe(400);
    expect(again.body.eventId).not.toBe(first.body.eventId);
    expect(runs() - before).toBe(2);
    const event = await eventOf(world, again.body.eventId);
    expect(event.data.attempt).toBe(2);
  });

  test("a page with a public key from an allowed origin", async () => {
    const anonymous = { anonymousIdentifier: "anon_page" };
    const offerToken = await tokenFor("yes", anonymous);
    const { status, body } = await ask(world, "POST", "/api/v1/offer-redemptions", {
      key: world.publicKey,
      headers: { origin },
      body: { identity: anonymous, offerToken, http: { url: "https://news.example.com/a" } },
    });
    expect(status).toBe(200);
    expect(v.parse(OfferRedemption, body)).toEqual(body);
    expect(body.identity.isAuthenticated).toBe(false);
  });

  test("whoever signed up with an anonymous visitor's token", async () => {
    const offerToken = await tokenFor("yes", { anonymousIdentifier: "anon_before_sign_up" });
    const { status, body } = await redeemAs(world, buyer, offerToken);
    expect(status).toBe(200);
    expect(body.identity).toEqual(identity);
  });

  test("and ignores unknown fields outside identity", async () => {
    const offerToken = await tokenFor("yes");
    const { status } = await ask(world, "POST", "/api/v1/offer-redemptions", {
      body: { identity: buyer, offerToken, surprise: true, http: { novelty: 1 } },
    });
    expect(status).toBe(200);
  });
});

describe("a workflow is given", () => {
  test("identity, offer, context, resource and env as its types say", async () => {
    const offerToken = await tokenFor("all");
    const { body } = await ask(world, "POST", "/api/v1/offer-redemptions", {
      headers: { "x-mos-user-agent": "Visitor/1.0" },
      body: {
        identity: buyer,
        offerToken,
        resource: { id: "article-1", meta: { section: "politics" }, extra: 1 },
        http: { userAgent: "Proxy/2.0", countryCode: "us" },
        cloudflare: { cf: { country: "FR", city: "Paris", region: "IDF", timezone: "Europe/Paris" } },
      },
    });
    const { payload } = partsOf(offerToken);
    expect(body.action.properties.args).toEqual({
      identity: {
        authType: "provided",
        identifier: "buyer@example.com",
        jwtClaims: {},
        testGroup100: expect.any(Number),
        userType: "authenticated",
      },
      offer: {
        offerId: payload.offer,
        offeringId: payload.jti,
        presentation: {},
        redemption: { result: { success: true }, tell: true, nested: { deep: [1] } },
        redemptionSchema: null,
        token: offerToken,
        plan: null,
      },
      context: {
        countryCode: "FR",
        isEUCountry: true,
        city: "Paris",
        region: "IDF",
        timezone: "Europe/Paris",
        userAgent: "Visitor/1.0",
        originalUserAgent: "Proxy/2.0",
        botTags: [],
      },
      resource: { id: "article-1", meta: { section: "politics" }, extra: 1 },
      env: { GREETING: "hello" },
      utils: { integrations: { stripe: {} }, purchase: {}, entitlements: {}, identity: {} },
    });
  });

  test("null for a resource that was not sent, and an anonymous visitor as such", async () => {
    const anonymous = { anonymousIdentifier: "anon_args" };
    const { body } = await redeemAs(world, anonymous, await tokenFor("all", anonymous));
    const { args } = body.action.properties;
    expect(args.resource).toBeNull();
    expect(args.identity).toMatchObject({ authType: "anonymous", userType: "anonymous", identifier: "anon_args" });
  });
});

describe("an offer token", () => {
  test("carries who, where, what and how long, and nothing else", async () => {
    const { body } = await decideFor(world, buyer, { surfaceSlug: "web" });
    const [offer] = body.offers;
    const { header, payload } = partsOf(offer.token);
    const now = world.clock.now() / 1000;
    expect(header).toEqual({ alg: "HS256", typ: "offer+jwt", kid: expect.stringMatching(/^k_\w+$/) });
    expect(payload).toEqual({
      aud: "env_preview",
      jti: expect.stringMatching(uuid),
      sub: "buyer@example.com",
      iat: now,
      exp: now + 86_400,
      offer: offer.id,
      version: 2,
      plan: offer.plans[0].id,
      surface: "web",
      authenticated: true,
      dryRun: false,
    });
  });

  test("is another offering at each presentation", async () => {
    const [first, second] = [await tokenFor("yes"), await tokenFor("yes")];
    expect(partsOf(first).payload.jti).not.toBe(partsOf(second).payload.jti);
  });

  test("and the decision around it carry no redemption value", async () => {
    const { text, body } = await decideFor(world, buyer, { surfaceSlug: "yes", explain: true });
    const token = JSON.stringify(partsOf(body.offers[0].token));
    for (const carrier of [text, token]) {
      expect(carrier).not.toContain("kept-from-clients");
      expect(carrier).not.toContain('success":true');
    }
    const { text: stripe, body: seed } = await decideFor(world, buyer);
    for (const carrier of [stripe, JSON.stringify(partsOf(seed.offers[0].token))]) {
      expect(carrier).not.toMatch(/acct_world|price_premium|instructions":/);
    }
  });

  test("does not appear in the event of its redemption", async () => {
    const token = await tokenFor("all");
    const { body } = await redeemAs(world, buyer, token);
    expect(JSON.stringify(await eventOf(world, body.eventId))).not.toContain(token);
  });
});
