// Past 250 lines: one journey: beginning, the way back, the token, refusals.
import { decodeJwt } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEnvironment } from "../../engine/create-environment.ts";
import { createKey } from "../../engine/keys.ts";
import { type Answer, ask } from "../fakes/requests.ts";
import { askAsPage, fulfillIn, type OpenSession, pageSession, salesOf, sessionFor } from "../fakes/sales.ts";
import type { sampleConfig } from "../fakes/sample-config.ts";
import { createWorld, origin, type World } from "../fakes/world.ts";

let world: World;
beforeAll(async () => {
  world = await createWorld({ config });
});
afterAll(() => world.close());

function config(sample: ReturnType<typeof sampleConfig>) {
  const [monthly] = sample.plans;
  const [offer] = sample.offers;
  const price = { currency: "gbp", amountMinor: 1000, interval: null };
  const own = { ...offer, redemption: { accountId: "acct_world" } };
  return {
    ...sample,
    plans: [
      { ...monthly, price },
      { ...monthly, slug: "plan_abc123", name: "Bundle", products: ["digital", "print"], price },
      { ...monthly, slug: "members-only", name: "For members", price },
      { ...monthly, slug: "scarce", name: "Scarce", price },
      { ...monthly, slug: "alone", name: "Of no offer", price },
      { ...monthly, slug: "by-token", name: "By a token alone", price },
    ],
    offers: [
      { ...own, plans: ["monthly", "plan_abc123"] },
      { ...own, slug: "inner", plans: ["members-only"], filters: { userType: "authenticated" } },
      { ...own, slug: "few", plans: ["scarce"], limits: { total: 1 } },
      { ...own, slug: "shown", plans: ["by-token"], directPurchase: false },
    ],
  };
}

const story = `${origin}/story?x=1#top`;

const successUrl = ({ id }: OpenSession) =>
  (world.stripe.sessions().find((session) => session.id === id)?.success_url ?? "").replace(
    "{CHECKOUT_SESSION_ID}",
    id,
  );
const cancelUrl = ({ id }: OpenSession) =>
  world.stripe.sessions().find((session) => session.id === id)?.cancel_url ?? "";

/** Where a browser that opens an address of ours is sent on to. */
async function follow(url: string): Promise<string> {
  const answer = await world.app.request(url);
  expect(answer.status).toBe(303);
  return answer.headers.get("location") ?? "";
}

async function paid(body: Record<string, unknown> = {}, email = "buyer@example.com"): Promise<OpenSession> {
  const session = await pageSession(world, body);
  world.stripe.pay(session.id, { email });
  return session;
}

const tokenIn = (url: string) => new URL(url).searchParams.get("allegro_purchase_token") ?? "";
const exchange = (token: string) => askAsPage(world, "/api/v1/purchases/exchange", { token });

async function buy(body: Record<string, unknown> = {}, email?: string): Promise<Answer> {
  return exchange(tokenIn(await follow(successUrl(await paid(body, email)))));
}

const entitlementsOf = async (jwt: string) => {
  const { body } = await ask(world, "GET", "/api/v1/entitlements", { key: jwt });
  return body.entitlements.map(({ resource }: { resource: { slug: string } }) => resource.slug).toSorted();
};

test("a visitor buys: from the page to Stripe, back with a token, which becomes a session and the entitlements", async () => {
  const session = await pageSession(world, { planId: "plan_abc123", returnUrl: story });
  world.stripe.pay(session.id, { email: "first@example.com" });
  const back = new URL(await follow(successUrl(session)));
  expect(back.origin + back.pathname + back.hash).toBe(`${origin}/story#top`);
  expect(back.searchParams.get("x")).toBe("1");
  const { status, body, headers } = await exchange(tokenIn(back.href));
  expect(status).toBe(200);
  expect(headers.get("cache-control")).toBe("no-store");
  expect(body).toMatchObject({ status: "success", method: "purchase", entitlement: body.entitlements[0] });
  const slugs = body.entitlements.map(({ resource }: { resource: { slug: string } }) => resource.slug);
  expect(slugs.toSorted()).toEqual(["digital", "print"]);
  expect(body.entitlement).toEqual({
    id: expect.stringMatching(/^ent_/),
    resource: { id: expect.stringMatching(/^prod_/), slug: expect.any(String), name: expect.any(String) },
    started_at: "2026-03-01T12:00:00.000Z",
    ended_at: "2026-04-01T12:00:00.000Z",
    is_active: true,
  });
  expect(decodeJwt(body.jwt).products).toEqual(expect.arrayContaining(["digital", "print"]));
});

describe("who gets what", () => {
  test("a visitor with the address of a member gets a guest's session, which has this purchase alone", async () => {
    const known = await sessionFor(world, { userIdentifier: "owner@example.com" }, "plan_abc123");
    world.stripe.pay(known.id, { email: "owner@example.com" });
    await fulfillIn(world, known.id);
    const { body } = await buy({ planId: "monthly" }, "owner@example.com");
    expect(decodeJwt(body.jwt).sub).toMatch(/^guest_/);
    expect(await entitlementsOf(body.jwt)).toEqual(["digital"]);
    const owner = await ask(world, "GET", "/api/v1/entitlements?userIdentifier=owner@example.com");
    expect(owner.body.entitlements).toHaveLength(3);
  });

  test("a member made by a visitor's address is not the visitor's either", async () => {
    const attacker = (await buy({}, "planted@example.com")).body;
    const victim = await sessionFor(world, { userIdentifier: "planted@example.com" }, "plan_abc123");
    world.stripe.pay(victim.id, { email: "planted@example.com" });
    await fulfillIn(world, victim.id);
    expect(await entitlementsOf(attacker.jwt)).toEqual(["digital"]);
  });

  test("a guest who buys again in the same session has both", async () => {
    const first = (await buy({ planId: "monthly" }, "again@example.com")).body;
    const identity = { userJwt: first.jwt };
    const second = (await buy({ planId: "plan_abc123", identity }, "again@example.com")).body;
    expect(decodeJwt(second.jwt).sub).toBe(decodeJwt(first.jwt).sub);
    expect(await entitlementsOf(first.jwt)).toEqual(["digital", "digital", "print"]);
  });

  test("a buyer whom the site's server names gets the member's own session", async () => {
    const identity = { userIdentifier: "named@example.com" };
    const body = { planId: "monthly", returnUrl: story, identity };
    const begun = await ask(world, "POST", "/api/v1/purchases", { body });
    const session = { url: begun.body.url, id: /cs_test_\w+/.exec(begun.body.url)?.[0] ?? "" };
    const shown = world.stripe.sessions().find(({ id }) => id === session.id);
    expect(shown?.customer_email).toBe("named@example.com");
    world.stripe.pay(session.id, { email: "other@example.com" });
    const { body: answer } = await exchange(tokenIn(await follow(successUrl(session))));
    expect(decodeJwt(answer.jwt).sub).toBe("named@example.com");
  });
});

describe("the way back", () => {
  test("a cancelled checkout comes back as a payment that failed, without an earlier outcome", async () => {
    const session = await pageSession(world, {
      returnUrl: `${story.replace("#top", "")}&allegro_purchase_token=old#top`,
    });
    const back = new URL(await follow(cancelUrl(session)));
    expect(back.searchParams.get("allegro_purchase_error")).toBe("payment_failed");
    expect(back.searchParams.has("allegro_purchase_token")).toBe(false);
  });

  test("an expired session and a debit that failed come back as a payment that failed", async () => {
    const [expired, failed] = [await pageSession(world), await pageSession(world)];
    world.stripe.expire(expired.id);
    world.stripe.pay(failed.id, { email: "debit@example.com", method: "delayed" });
    expect(await follow(successUrl(failed))).toContain("allegro_purchase_pending=1");
    world.stripe.settleDelayedPayment(failed.id, "failed");
    for (const session of [expired, failed]) {
      expect(await follow(successUrl(session))).toContain("allegro_purchase_error=payment_failed");
    }
  });

  test("Stripe cannot be asked: the page is shown as pending, and the purchase is not lost", async () => {
    const session = await paid();
    world.stripe.chaos({ api: { error500: 1 } });
    expect(await follow(successUrl(session))).toContain("allegro_purchase_pending=1");
    world.stripe.chaos({});
    expect(await follow(successUrl(session))).toContain("allegro_purchase_token=");
  });

  test("no token without both the key and the session that it was made for", async () => {
    const [own, other] = [await paid(), await paid({}, "other@example.com")];
    const mixed = successUrl(own).replace(own.id, other.id);
    expect(await follow(mixed)).toBe(story);
    expect(await follow(cancelUrl(own))).toBe(story);
    for (const url of [
      successUrl(own).replace(/key=[^&]*/, "key=pur_x.y"),
      successUrl(own).replace(/\.\w+&/, ".0000000000000000000000000000000&"),
      "https://scrip.test/api/v1/purchases/return",
      `https://scrip.test/api/v1/purchases/return?session_id=${own.id}`,
    ]) {
      expect((await world.app.request(url)).status, url).toBe(404);
    }
  });

  test("a workflow's session goes on to an allowed origin, fulfilled, and without a token", async () => {
    const session = await sessionFor(world, { userIdentifier: "workflow@example.com" });
    world.stripe.pay(session.id, { email: "workflow@example.com" });
    const at = `https://scrip.test/api/v1/purchases/return?session_id=${session.id}&to=`;
    expect(await follow(`${at}${encodeURIComponent(`${origin}/done`)}`)).toBe(`${origin}/done`);
    const { purchases } = await salesOf(world);
    expect(purchases.find(({ sessionId }) => sessionId === session.id)?.status).toBe("completed");
    const evil = await world.app.request(`${at}${encodeURIComponent("https://evil.example/done")}`);
    expect([evil.status, evil.headers.get("location")]).toEqual([403, null]);
  });

  test.each([
    "https://evil.example/",
    "https://news.example.com.evil.example/",
    "https://news.example.com@evil.example/",
    "https://user:pass@news.example.com/",
    "http://news.example.com/",
    "https://news.example.com:8443/",
    "//evil.example/",
    "/story",
    "javascript:alert(1)//https://news.example.com",
    "data:text/html,x",
    "https:/\\evil.example/",
    "\nhttps://evil.example",
    "",
  ])("nobody is sent to %j", async (returnUrl) => {
    const answer = await askAsPage(world, "/api/v1/purchases", { planId: "monthly", returnUrl });
    expect([answer.status, answer.body.code]).toEqual([403, "return_url_not_allowed"]);
  });

  test("a server that names no address is told that it is missing", async () => {
    const { status, body } = await ask(world, "POST", "/api/v1/purchases", { body: { planId: "monthly" } });
    expect([status, body.code, body.message]).toEqual([400, "invalid_body", "Invalid body at returnUrl: is missing"]);
    expect(body.issues).toEqual([{ path: "returnUrl", message: "is missing" }]);
  });

  test("a page that names no address gets its buyer back to the root of its site", async () => {
    const { status, body } = await askAsPage(world, "/api/v1/purchases", { planId: "monthly" });
    expect(status).toBe(200);
    const session = world.stripe.sessions().find(({ id }) => body.url.includes(id));
    expect(new URL(await follow(session?.cancel_url ?? "")).href).toContain(`${origin}/?`);
  });

  test("tricks of spelling lead to the allowed origin all the same", async () => {
    for (const returnUrl of ["https:\\\\news.example.com\\story", "HTTPS://NEWS.example.com/story"]) {
      const session = await pageSession(world, { returnUrl });
      expect(new URL(await follow(cancelUrl(session))).origin).toBe(origin);
    }
  });
});

describe("the token of a return", () => {
  test("works once, however many bring it at once", async () => {
    const token = tokenIn(await follow(successUrl(await paid())));
    const answers = await Promise.all(Array.from({ length: 30 }, () => exchange(token)));
    const good = answers.filter(({ status }) => status === 200);
    expect([good.length, answers.filter(({ body }) => body.code === "purchase_token_invalid").length]).toEqual([1, 29]);
    const { purchases } = await salesOf(world);
    expect(purchases.filter(({ id }) => id === good[0]?.body.purchaseId)).toHaveLength(1);
  });

  test("works again for whoever sent a nonce with it, and for nobody else: an answer may be lost", async () => {
    const token = tokenIn(await follow(successUrl(await paid())));
    const nonce = crypto.randomUUID();
    const [first, again] = [
      await askAsPage(world, "/api/v1/purchases/exchange", { token, nonce }),
      await askAsPage(world, "/api/v1/purchases/exchange", { token, nonce }),
    ];
    expect([first.status, again.status]).toEqual([200, 200]);
    expect(again.body.entitlements).toEqual(first.body.entitlements);
    const others = [{ token }, { token, nonce: crypto.randomUUID() }];
    for (const body of others) {
      const answer = await askAsPage(world, "/api/v1/purchases/exchange", body);
      expect(answer.body.code).toBe("purchase_token_invalid");
    }
  });

  test("is good for ten minutes", async () => {
    const [late, inTime] = [await paid(), await paid()];
    const [old, fresh] = [tokenIn(await follow(successUrl(late))), await follow(successUrl(inTime))];
    world.clock.advance(10 * 60_000 - 1);
    expect((await exchange(tokenIn(fresh))).status).toBe(200);
    world.clock.advance(1);
    expect((await exchange(old)).body.code).toBe("purchase_token_invalid");
  });

  test("is of one environment", async () => {
    await createEnvironment(world.engine, { id: "env_other", name: "Other" });
    const { key } = await createKey(world.engine, "env_other", "sk", "test");
    const token = tokenIn(await follow(successUrl(await paid())));
    const body = { token };
    const elsewhere = await ask(world, "POST", "/api/v1/purchases/exchange", { key, body });
    expect(elsewhere.body.code).toBe("purchase_token_invalid");
    expect((await exchange(token)).status).toBe(200);
  });

  test.each(["", "ptk_", "ptk_0000000000000000000000000000000000000000", "x".repeat(600)])(
    "is refused as %j",
    async (token) => {
      const { status } = await exchange(token);
      expect(status).toBe(400);
    },
  );
});

describe("a purchase is refused", () => {
  const refusals: [string, Record<string, unknown>, number, string][] = [
    ["without a plan", { planId: undefined }, 400, "invalid_body"],
    ["with both words for a plan", { termId: "monthly" }, 400, "invalid_body"],
    ["for a plan that is not there", { planId: "gone" }, 404, "plan_not_found"],
    ["for a plan of no offer", { planId: "alone" }, 409, "plan_not_for_sale"],
    ["for a plan that only a token buys", { planId: "by-token" }, 409, "plan_not_for_sale"],
    ["for a plan that is not for visitors", { planId: "members-only" }, 409, "plan_not_for_sale"],
    ["for a plan of another offer than the named one", { offerId: "few" }, 409, "plan_not_for_sale"],
    ["for a user whom a page names", { identity: { userIdentifier: "x" } }, 403, "secret_key_required"],
    ["for a JWT that nobody verifies", { identity: { userJwt: "a.b.c" } }, 400, "user_jwt_not_configured"],
  ];

  test.each(refusals)("%s", async (_, body, status, code) => {
    const answer = await askAsPage(world, "/api/v1/purchases", { planId: "monthly", returnUrl: story, ...body });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  test("from a page of another origin, and without a key", async () => {
    const body = { planId: "monthly", returnUrl: story };
    const headers = { origin: "https://evil.example" };
    const elsewhere = await ask(world, "POST", "/api/v1/purchases", { key: world.publicKey, headers, body });
    expect(elsewhere.body.code).toBe("origin_not_allowed");
    const keyless = await ask(world, "POST", "/api/v1/purchases", { key: null, body });
    expect(keyless.body.code).toBe("invalid_api_key");
  });

  test("beyond the offer's limit; a session that expires gives its place back", async () => {
    const first = await pageSession(world, { planId: "scarce" });
    const second = await askAsPage(world, "/api/v1/purchases", { planId: "scarce", returnUrl: story });
    expect([second.status, second.body.code]).toEqual([409, "limit_reached"]);
    world.stripe.expire(first.id);
    await fulfillIn(world, first.id);
    expect((await pageSession(world, { planId: "scarce" })).id).not.toBe(first.id);
  });

  test("never for longer than half an hour where places are few", async () => {
    const scarce = (await world.engine.environments.get(world.environmentId))?.compiled.planIds.get("scarce");
    await pageSession(world);
    const lives = world.stripe.sessions().map(({ metadata, expires_at, created }) => ({
      isScarce: metadata?.scrip_plan === scarce,
      seconds: expires_at - created,
    }));
    expect(new Set(lives.filter(({ isScarce }) => isScarce).map(({ seconds }) => seconds))).toEqual(new Set([1860]));
    expect(new Set(lives.filter(({ isScarce }) => !isScarce).map(({ seconds }) => seconds))).toEqual(new Set([86_400]));
  });

  test("when Stripe does not answer, which keeps no place", async () => {
    world.stripe.chaos({ api: { error500: 1 } });
    const answer = await askAsPage(world, "/api/v1/purchases", { planId: "monthly", returnUrl: story });
    world.stripe.chaos({});
    expect([answer.status, answer.body.code]).toEqual([503, "stripe_unreachable"]);
    expect(answer.headers.get("retry-after")).toMatch(/^\d+$/);
  });
});

test("Allegro's older word for a plan is taken, and a plan by its id", async () => {
  const { body } = await askAsPage(world, "/api/v1/purchases", { termId: "monthly", returnUrl: story });
  expect(body.status).toBe("success");
  const planIds = (await world.engine.environments.get(world.environmentId))?.compiled.planIds;
  expect((await pageSession(world, { planId: planIds?.get("monthly") })).id).toMatch(/^cs_test_/);
});

test("the event of a purchase has neither the way back nor a token", async () => {
  const { body } = await askAsPage(world, "/api/v1/purchases", { planId: "monthly", returnUrl: story });
  const event = await ask(world, "GET", `/api/v1/events/${body.eventId}`);
  expect(event.status).toBe(200);
  expect(event.body.event).toMatchObject({ type: "purchase", status: "success" });
  const id = /cs_test_\w+/.exec(body.url)?.[0] ?? "";
  const secret = /key=([^&]*)/.exec(successUrl({ id, url: body.url }))?.[1]?.split(".")[1] ?? "none";
  expect(secret).toMatch(/^\w{32}$/);
  expect(event.text).not.toContain(secret);
});
