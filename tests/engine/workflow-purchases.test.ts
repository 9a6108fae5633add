import { decodeJwt } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { redemptions } from "../../schemas/tables.ts";
import { eventIn, runAs, sourceOf, tokenOf, tryOf, worldOf } from "../fakes/methods.ts";
import { ask, redeemAs } from "../fakes/requests.ts";
import { askAsPage, salesOf } from "../fakes/sales.ts";
import { method, seedWorkflow } from "../fakes/sample-config.ts";
import { createWorld, origin, type World } from "../fakes/world.ts";

const buyer = { userIdentifier: "buyer@example.com" };
const story = `${origin}/story?x=1#top`;
const checkout = (
  urls: string,
) => `const session = await utils.integrations.stripe.fetch("acct_world", { method: "POST",
    path: "/v1/checkout/sessions", body: { mode: "payment", line_items: [{ price: "price_day", quantity: 1 }], ${urls} } });
  return { success: true, action: "navigate", url: session.body.url, properties: { session: session.body } };`;
const to = (target: string) => `utils.purchase.returnUrl(${JSON.stringify(target)})`;

const bodies = {
  plain: checkout(`success_url: ${to(story)}, cancel_url: "https://elsewhere.test/"`),
  ways: checkout(`success_url: ${to(story)}, cancel_url: ${to(`${origin}/plans`)}`),
  foreign: checkout(`success_url: ${to("https://evil.test/")}`),
  script: checkout(`success_url: ${to("javascript:alert(1)")}`),
  credentials: checkout(`success_url: ${to("https://news.example.com@evil.test/")}`),
  again: `const { success } = await (async () => { ${checkout(`success_url: ${to(story)}`)} })();
    const list = await utils.integrations.stripe.fetch("acct_world", { method: "GET", path: "/v1/checkout/sessions" });
    console.log(list.body); return { success, properties: { list: list.body.data.length } };`,
};

let world: World;
beforeAll(async () => {
  world = await worldOf(bodies);
});
afterAll(() => world.close());

const sessionAt = (url: string) => {
  const session = world.stripe.sessions().find((one) => one.url === url);
  if (session === undefined) throw new Error(`there is no session at ${url}`);
  return session;
};
const filled = (url: unknown, id: string) => String(url).replace("{CHECKOUT_SESSION_ID}", id);

/** Where a browser that opens an address of ours is sent on to. */
async function follow(at: World, url: string): Promise<URL> {
  const answer = await at.app.request(url);
  expect(answer.status, await answer.text()).toBe(303);
  return new URL(answer.headers.get("location") ?? "");
}

test("the published recipe with a return address sells: redeem, pay, come back, exchange the token, have access", async () => {
  const returning = seedWorkflow.replace(
    '"https://example.com/success"',
    'utils.purchase.returnUrl("https://news.example.com/story?x=1#top")',
  );
  expect(returning).not.toBe(seedWorkflow);
  const shop = await createWorld({
    config: (sample) => ({
      ...sample,
      redemptionMethods: [method("stripe-checkout", returning, "mos:stripe-checkout-instructions")],
    }),
  });
  try {
    const decision = await ask(shop, "POST", "/api/v1/surface-decisions", {
      body: { surfaceSlug: "web", identity: buyer },
    });
    const redeemed = await redeemAs(shop, buyer, decision.body.offers[0].token);
    expect(redeemed.status, redeemed.text).toBe(200);
    const session = shop.stripe.sessions().find(({ url }) => url === redeemed.body.action.url);
    expect(session?.success_url).toMatch(
      /^https:\/\/scrip\.test\/api\/v1\/purchases\/return\?key=pur_\w+\.\w+&session_id=/,
    );
    shop.stripe.pay(session?.id ?? "", { email: "other@example.com" });
    const back = await follow(shop, filled(session?.success_url, session?.id ?? ""));
    expect([back.origin, back.pathname, back.hash, back.searchParams.get("x")]).toEqual([
      origin,
      "/story",
      "#top",
      "1",
    ]);
    const token = back.searchParams.get("allegro_purchase_token");
    const exchanged = await askAsPage(shop, "/api/v1/purchases/exchange", { token });
    expect(exchanged.status, exchanged.text).toBe(200);
    expect(decodeJwt(exchanged.body.jwt)).toMatchObject({ sub: "buyer@example.com", products: ["digital"] });
    expect(await salesOf(shop)).toMatchObject({
      purchases: [{ status: "completed" }],
      active: [{ identifier: "buyer@example.com" }],
    });
  } finally {
    await shop.close();
  }
});

describe("a return address", () => {
  test("of a visitor's purchase leads to a guest's session", async () => {
    const { body } = await runAs(world, "plain", { anonymousIdentifier: "v1" });
    const session = sessionAt(body.action.url);
    world.stripe.pay(session.id, { email: "visitor@example.com" });
    const back = await follow(world, filled(session.success_url, session.id));
    const token = back.searchParams.get("allegro_purchase_token");
    const { body: exchanged } = await askAsPage(world, "/api/v1/purchases/exchange", { token });
    expect(decodeJwt(exchanged.jwt).sub).toMatch(/^guest_/);
  });

  test("leaves the author's other addresses as they are", async () => {
    const { body } = await runAs(world, "plain", buyer);
    expect(sessionAt(body.action.url).cancel_url).toBe("https://elsewhere.test/");
  });

  test("may lead elsewhere for those who leave", async () => {
    const { body } = await runAs(world, "ways", buyer);
    const { cancel_url } = sessionAt(body.action.url);
    const back = await follow(world, String(cancel_url));
    expect([back.pathname, back.searchParams.get("allegro_purchase_error")]).toEqual(["/plans", "payment_failed"]);
    const bent = String(cancel_url).replace(/&to=.*/, `&to=${encodeURIComponent("https://evil.test/")}`);
    expect((await world.app.request(bent)).status).toBe(403);
  });

  test.each([
    ["foreign", "add https://evil.test to allowedOrigins"],
    ["script", "begins with https:// or http://"],
    ["credentials", "A buyer cannot be sent back"],
  ])("of a target that is not allowed (%s) is refused, and Stripe hears nothing", async (slug, reason) => {
    const before = world.stripe.requests().length;
    const { status, run } = await runAs(world, slug, buyer);
    expect(status).toBe(531);
    expect(run.verdict.reason).toContain(reason);
    expect(world.stripe.requests()).toHaveLength(before);
  });

  test("shows its key neither to the workflow nor in the event", async () => {
    const { body, run } = await runAs(world, "again", buyer);
    expect(body.action.properties.list).toBeGreaterThan(0);
    expect(JSON.stringify(run)).not.toMatch(/key=pur_\w+\.\w/);
    expect(JSON.stringify(run)).toContain("return?key=***");
  });

  test("is the same when an attempt is taken up again, so that Stripe gives the same session", async () => {
    const token = await tokenOf(world, "plain", { userIdentifier: "twice@example.com" });
    const first = await runAs(world, "plain", { userIdentifier: "twice@example.com" }, token);
    const before = sessionAt(first.body.action.url);
    // as if the process had died before it wrote its answer, and its lease had run out
    await world.engine.storage.write((tx) =>
      tx.update(redemptions).set({ status: "running", leaseUntil: 0, answer: null }),
    );
    const second = await runAs(world, "plain", { userIdentifier: "twice@example.com" }, token);
    expect(sessionAt(second.body.action.url).id).toBe(before.id);
    const { purchases } = await salesOf(world);
    expect(purchases.filter(({ sessionId }) => sessionId === before.id)).toHaveLength(1);
  });

  test("of a try leads to its target at once, because nothing is recorded", async () => {
    const { body, status, text } = await tryOf(world, "plain");
    expect(status, text).toBe(200);
    expect(sessionAt(body.run.result.url).success_url).toBe(story);
    expect((await eventIn(world, body.eventId)).type).toBe("method-try");
    const refused = await tryOf(world, "plain", { workflow: sourceOf(bodies.foreign) });
    expect(refused.body.run.verdict.reason).toContain("allowedOrigins");
  });
});
