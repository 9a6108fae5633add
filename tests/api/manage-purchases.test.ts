// Past 250 lines: one resource: lists, refunds at Stripe, races, and who may.
import * as v from "valibot";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createEnvironment } from "../../engine/create-environment.ts";
import { connectStripeAccount } from "../../engine/integrations.ts";
import { purchases } from "../../schemas/sales-tables.ts";
import { addRoles, expectDocumented, expectRole, manage, walk } from "../fakes/management.ts";
import { ask } from "../fakes/requests.ts";
import { askStripe, fulfillIn, paymentOf, salesOf, sessionFor } from "../fakes/sales.ts";
import type { sampleConfig } from "../fakes/sample-config.ts";
import { createWorld, type World, type WorldOptions } from "../fakes/world.ts";
import { expectRefusal } from "./answers.ts";

/** Two plans paid once, so that a session has a payment of its own: a refund of `kept` takes nothing back. */
function oneOff(sample: ReturnType<typeof sampleConfig>) {
  const [plan] = sample.plans;
  const [offer] = sample.offers;
  const price = { currency: "gbp", amountMinor: 1000, interval: null };
  return {
    ...sample,
    plans: [
      { ...plan, price },
      { ...plan, slug: "kept", price, onRefund: "keep" },
    ],
    offers: [{ ...offer, plans: ["monthly", "kept"], redemption: { accountId: "acct_world" } }],
  };
}

const worlds: World[] = [];
async function open(options: WorldOptions = {}): Promise<World> {
  const opened = await createWorld({ config: oneOff, ...options });
  worlds.push(opened);
  await addRoles(opened);
  return opened;
}
afterEach(async () => {
  const faults = worlds.flatMap((opened) => opened.faults);
  await Promise.all(worlds.splice(0).map((opened) => opened.close()));
  expect(faults).toEqual([]);
});

let count = 0;

/** A purchase that somebody paid for: its id, its session's, and who. */
async function buy(world: World, plan = "monthly") {
  const identifier = `buyer-${count++}@example.com`;
  const { id: sessionId } = await sessionFor(world, { userIdentifier: identifier }, plan);
  world.stripe.pay(sessionId, { email: identifier });
  const fulfilled = await fulfillIn(world, sessionId);
  return { id: fulfilled?.purchase.id ?? "", sessionId, identifier };
}

async function hasAccess(world: World, identifier: string): Promise<boolean> {
  const body = { identity: { userIdentifier: identifier }, products: ["digital"] };
  return (await ask(world, "POST", "/api/v1/access-checks", { body })).body.access.digital;
}

const refund = (world: World, id: string, body: object = {}) => manage(world, `POST purchases/${id}/refund`, { body });
const refundsOf = (world: World) => world.stripe.requestCount("POST /v1/refunds");
const pay = (world: World, id: string) => world.stripe.pay(id, { email: "late@example.com" });

async function refundedAtStripe(world: World): Promise<number> {
  const answer = await world.stripe.fetch("http://stripe.test/v1/refunds", {
    headers: { authorization: "Bearer sk_test_world" },
  });
  return v.parse(v.object({ data: v.array(v.unknown()) }), await answer.json()).data.length;
}

describe("the list of purchases", () => {
  test("has what came to something, and nothing that waits for its buyer", async () => {
    const world = await open();
    const bought = await buy(world);
    const { id: waiting } = await sessionFor(world, { userIdentifier: "waiting@example.com" });
    const { id: expired } = await sessionFor(world, { userIdentifier: "expired@example.com" });
    world.stripe.expire(expired);
    await fulfillIn(world, expired);
    const answer = await manage(world, "GET purchases");
    await expectDocumented(world, "GET purchases", answer);
    const shown = answer.body.purchases.map(({ status, stripe }: { status: string; stripe: { sessionId: string } }) => [
      status,
      stripe.sessionId,
    ]);
    expect(shown).toEqual([
      ["expired", expired],
      ["completed", bought.sessionId],
    ]);
    expect(answer.text).not.toContain(waiting);
    for (const status of ["completed", "expired"]) {
      const some = (await manage(world, `GET purchases?status=${status}`)).body.purchases;
      expect(some.map((one: { status: string }) => one.status)).toEqual([status]);
    }
    for (const status of ["pending", "paid"]) {
      const issues = [{ path: "status", message: expect.any(String) }];
      const refused = await manage(world, `GET purchases?status=${status}`);
      expectRefusal(refused, { status: 400, code: "invalid_body", more: { issues } });
    }
  });

  test("is of one member by identifier or id, or of nobody", async () => {
    const world = await open();
    const { id, identifier } = await buy(world);
    await buy(world);
    const own = await manage(world, `GET purchases?identifier=${encodeURIComponent(identifier)}`);
    expect(own.body.purchases).toMatchObject([{ id, member: { identifier } }]);
    const memberId = own.body.purchases[0].member.id;
    expect((await manage(world, `GET purchases?memberId=${memberId}&status=completed`)).body).toEqual(own.body);
    for (const query of [`memberId=${memberId}&status=refunded`, "memberId=mem_x", "identifier=x"]) {
      expect((await manage(world, `GET purchases?${query}`)).body.purchases).toEqual([]);
    }
    const both = `memberId=${memberId}&identifier=somebody`;
    expect((await manage(world, `GET purchases?${both}`)).body.purchases).toEqual([]);
  });

  test("is newest first and whole while purchases are added between its pages", async () => {
    const world = await open();
    const ids: string[] = [];
    for (let i = 0; i < 7; i++) {
      if (i === 3) world.clock.advance(1000);
      ids.push((await buy(world)).id);
    }
    const found = await walk(world, { list: "purchases", limit: 2 }, () => buy(world));
    expect(found.map(({ id }) => id)).toEqual(ids.toReversed());
  });

  test("has nothing of another environment", async () => {
    const world = await open();
    const { id } = await buy(world);
    await createEnvironment(world.engine, { id: "env_other", name: "Other" });
    expect((await manage(world, "GET purchases", { env: "env_other" })).body.purchases).toEqual([]);
    for (const route of [`GET purchases/${id}`, `POST purchases/${id}/sync`, `POST purchases/${id}/refund`]) {
      const answer = await manage(world, route, { env: "env_other", ...(route.includes("refund") && { body: {} }) });
      expectRefusal(answer, { status: 404, code: "purchase_not_found" });
    }
    expect(refundsOf(world)).toBe(0);
  });
});

describe("a purchase", () => {
  test("is shown with what it granted, by its id or its session's", async () => {
    const world = await open();
    const { id, sessionId, identifier } = await buy(world);
    const answer = await manage(world, `GET purchases/${id}`);
    await expectDocumented(world, "GET purchases/{purchaseId}", answer);
    expect(answer.body.purchase).toMatchObject({
      id,
      status: "completed",
      begunBy: `user:${identifier}`,
      amountMinor: 1000,
      entitlements: [{ identifier, state: "active", cause: { type: "purchase", subject: id } }],
    });
    expect((await manage(world, `GET purchases/${sessionId}`)).body).toEqual(answer.body);
  });

  test("that waits for its buyer is shown to whoever asks for it", async () => {
    const world = await open();
    const { id } = await sessionFor(world);
    const { purchase } = (await manage(world, `GET purchases/${id}`)).body;
    expect(purchase).toMatchObject({ status: "pending", member: null, completedAt: null, entitlements: [] });
  });
});

describe("a refund", () => {
  test("gives the payment back at Stripe and takes access back at once, without a webhook", async () => {
    const world = await open();
    const { id, sessionId, identifier } = await buy(world);
    expect(await hasAccess(world, identifier)).toBe(true);
    const answer = await refund(world, id, { reason: "did not like it" });
    await expectDocumented(world, "POST purchases/{purchaseId}/refund", answer);
    const { purchase } = answer.body;
    expect(purchase).toMatchObject({
      status: "refunded",
      entitlements: [{ state: "revoked", over: { because: "refund", reason: null } }],
    });
    expect(await hasAccess(world, identifier)).toBe(false);
    const { history } = (await manage(world, `GET members/${purchase.member.id}/history`)).body;
    expect(history).toMatchObject([
      {
        type: "refund",
        subject: paymentOf(world, sessionId),
        data: { purchaseId: id, by: "test", reason: "did not like it" },
      },
      { type: "purchase" },
    ]);
  });

  test("leaves access where the plan says so", async () => {
    const world = await open();
    const { id, identifier } = await buy(world, "kept");
    const { purchase } = (await refund(world, id)).body;
    expect(purchase).toMatchObject({ status: "refunded", onRefund: "keep", entitlements: [{ state: "active" }] });
    expect(await hasAccess(world, identifier)).toBe(true);
  });

  test("asked for twice at once, through two servers, is one at Stripe", async () => {
    const world = await open();
    const other = await open({ file: world.file, stripe: world.stripe });
    const { id, identifier } = await buy(world);
    const answers = await Promise.all([refund(world, id, { reason: "one" }), refund(other, id, { reason: "two" })]);
    for (const { status, body } of answers) {
      if (status === 200) expect(body.purchase.status).toBe("refunded");
      else expect([status, body.code]).toEqual([409, "purchase_not_refundable"]);
    }
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
    expect(await refundedAtStripe(world)).toBe(1);
    expect((await salesOf(world)).history.toSorted()).toEqual(["purchase", "refund"]);
    expect(await hasAccess(world, identifier)).toBe(false);
  });

  test("asked for twenty times at once, while the webhook comes too, is one", async () => {
    const world = await open({ webhooks: true });
    const { id, identifier } = await buy(world);
    const answers = await Promise.all(Array.from({ length: 20 }, () => refund(world, id)));
    await world.stripe.settled();
    expect(new Set(answers.map(({ status }) => status)).difference(new Set([200, 409]))).toEqual(new Set());
    expect(await refundedAtStripe(world)).toBe(1);
    expect((await salesOf(world)).history.toSorted()).toEqual(["purchase", "refund"]);
    expect(await hasAccess(world, identifier)).toBe(false);
  });

  test("a second time is refused", async () => {
    const world = await open();
    const { id } = await buy(world);
    await refund(world, id);
    expectRefusal(await refund(world, id), { status: 409, code: "purchase_not_refundable" });
    expect(refundsOf(world)).toBe(1);
  });

  test("of what was given back at Stripe by hand is refused, and access is taken back now", async () => {
    const world = await open();
    const { id, sessionId, identifier } = await buy(world);
    await askStripe(world, "/v1/refunds", { payment_intent: paymentOf(world, sessionId) });
    const answer = await refund(world, id);
    expectRefusal(answer, { status: 409, code: "purchase_not_refundable" });
    expect(answer.body.message).toContain("already been refunded");
    expect(await hasAccess(world, identifier)).toBe(false);
    expect((await manage(world, `GET purchases/${id}`)).body.purchase.status).toBe("refunded");
  });

  test("of what the bank disputes is refused by Stripe, and access is taken back now", async () => {
    const world = await open();
    const { id, sessionId, identifier } = await buy(world);
    world.stripe.disputeCharge(paymentOf(world, sessionId));
    expectRefusal(await refund(world, id), { status: 409, code: "purchase_not_refundable" });
    expect(await hasAccess(world, identifier)).toBe(false);
    expectRefusal(await refund(world, id), { status: 409, code: "purchase_not_refundable" });
    expect(refundsOf(world)).toBe(1);
  });

  test("that Stripe refused is granted later, when the reason is gone", async () => {
    const world = await open();
    const { id, sessionId } = await buy(world);
    const dispute = world.stripe.disputeCharge(paymentOf(world, sessionId));
    expect((await refund(world, id)).status).toBe(409);
    world.stripe.closeDispute(dispute.id, "won");
    world.clock.advance(3_600_000);
    await manage(world, `POST purchases/${id}/sync`);
    expect((await refund(world, id)).body.purchase).toMatchObject({ status: "refunded" });
  });

  test("of what was not paid is refused", async () => {
    const world = await open();
    const { id: waiting } = await sessionFor(world, { userIdentifier: "waiting@example.com" });
    const { id: expired } = await sessionFor(world, { userIdentifier: "expired@example.com" });
    world.stripe.expire(expired);
    await fulfillIn(world, expired);
    for (const id of [waiting, expired]) {
      expectRefusal(await refund(world, id), { status: 409, code: "purchase_not_refundable" });
    }
    expect(refundsOf(world)).toBe(0);
  });

  test("of a subscription gives its first payment back and takes what that bought; the subscription goes on", async () => {
    const world = await open({ config: (sample) => sample });
    const { id, identifier } = await buy(world);
    const { purchase } = (await refund(world, id)).body;
    expect(purchase).toMatchObject({ status: "refunded", entitlements: [{ state: "revoked" }] });
    expect(purchase.stripe.subscriptionId).toMatch(/^sub_/);
    expect(await hasAccess(world, identifier)).toBe(false);
    expect(world.stripe.subscriptions()).toMatchObject([{ status: "active" }]);
  });

  test("of what cost nothing is refused", async () => {
    const world = await open();
    const { id } = await buy(world);
    await world.engine.storage.write((tx) => tx.update(purchases).set({ paymentIntentId: null }));
    expectRefusal(await refund(world, id), { status: 409, code: "purchase_not_refundable" });
    expect(refundsOf(world)).toBe(0);
  });

  test("while Stripe cannot be reached changes nothing, and is done by the next try", async () => {
    const world = await open();
    const { id, identifier } = await buy(world);
    world.stripe.chaos({ api: { dropBeforeWork: 1 } });
    const answer = await refund(world, id);
    expectRefusal(answer, { status: 503, code: "stripe_unreachable" });
    expect(answer.headers.get("retry-after")).toBe("5");
    expect(await hasAccess(world, identifier)).toBe(true);
    world.stripe.chaos({});
    expect((await refund(world, id)).body.purchase.status).toBe("refunded");
  });

  test("whose answer is lost is finished by the next try, and is one at Stripe", async () => {
    const world = await open();
    const { id, identifier } = await buy(world);
    world.stripe.chaos({ api: { timeoutAfterWork: 1 } });
    expectRefusal(await refund(world, id), { status: 503, code: "stripe_unreachable" });
    world.stripe.chaos({});
    expect((await refund(world, id)).body.purchase.status).toBe("refunded");
    expect(await refundedAtStripe(world)).toBe(1);
    expect(await hasAccess(world, identifier)).toBe(false);
  });

  test("with a wrong key of Stripe changes nothing", async () => {
    const world = await open();
    const { id, identifier } = await buy(world);
    const wrong = { accountId: "acct_world", secretKey: "sk_test_wrong" };
    await connectStripeAccount(world.engine, world.environmentId, wrong);
    expectRefusal(await refund(world, id), { status: 503, code: "stripe_unreachable" });
    expect(await hasAccess(world, identifier)).toBe(true);
  });

  test.each([[{ reason: 7 }], [{ reason: "x".repeat(501) }], [{ amount: 100 }], [[]]])(
    "is refused with %j",
    async (body) => {
      const world = await open();
      const { id } = await buy(world);
      expect(await refund(world, id, body)).toMatchObject({ status: 400, body: { code: "invalid_body" } });
      expect(refundsOf(world)).toBe(0);
    },
  );
});

describe("a sync", () => {
  test("completes a purchase of which no webhook came", async () => {
    const world = await open();
    const { id } = await sessionFor(world, { userIdentifier: "late@example.com" });
    pay(world, id);
    expect(await hasAccess(world, "late@example.com")).toBe(false);
    const answer = await manage(world, `POST purchases/${id}/sync`);
    await expectDocumented(world, "POST purchases/{purchaseId}/sync", answer);
    expect(answer.body.purchase).toMatchObject({ status: "completed", entitlements: [{ state: "active" }] });
    expect(await hasAccess(world, "late@example.com")).toBe(true);
  });

  test("of what nobody has paid leaves it waiting", async () => {
    const world = await open();
    const { id } = await sessionFor(world);
    expect((await manage(world, `POST purchases/${id}/sync`)).body.purchase.status).toBe("pending");
  });

  test("hears of a refund, a dispute and its end", async () => {
    const world = await open();
    const { id, sessionId, identifier } = await buy(world);
    const sync = async () => (await manage(world, `POST purchases/${id}/sync`)).body.purchase.status;
    expect(await sync()).toBe("completed");
    const dispute = world.stripe.disputeCharge(paymentOf(world, sessionId));
    expect([await sync(), await hasAccess(world, identifier)]).toEqual(["disputed", false]);
    world.stripe.closeDispute(dispute.id, "won");
    expect([await sync(), await hasAccess(world, identifier)]).toEqual(["completed", true]);
    await askStripe(world, "/v1/refunds", { payment_intent: paymentOf(world, sessionId) });
    expect([await sync(), await hasAccess(world, identifier)]).toEqual(["refunded", false]);
  });

  test("while Stripe cannot be reached says so", async () => {
    const world = await open();
    const { id } = await buy(world);
    world.stripe.chaos({ api: { dropBeforeWork: 1 } });
    expectRefusal(await manage(world, `POST purchases/${id}/sync`), { status: 503, code: "stripe_unreachable" });
  });

  test("of a session that Stripe does not know says so", async () => {
    const world = await open();
    await sessionFor(world);
    await world.engine.storage.write((tx) => tx.update(purchases).set({ sessionId: "cs_test_gone" }));
    const answer = await manage(world, "POST purchases/cs_test_gone/sync");
    expectRefusal(answer, { status: 404, code: "purchase_not_found" });
  });
});

describe("a route of purchases", () => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld();
    await addRoles(world);
  });
  afterAll(() => world.close());
  beforeEach(() => expect(world.faults).toEqual([]));

  const routes = [
    ["GET purchases", "viewer"],
    ["GET purchases/x", "viewer"],
    ["POST purchases/x/sync", "editor"],
    ["POST purchases/x/refund", "publisher"],
  ] as const;
  const bodyOf = (route: string) => (route.includes("refund") ? { body: {} } : {});

  test.each(routes)("%s needs a %s", async (route, role) => {
    await expectRole(world, route, role, bodyOf(route).body);
    const elsewhere = await manage(world, route, { env: "env_nowhere", ...bodyOf(route) });
    expectRefusal(elsewhere, { status: 404, code: "environment_not_found" });
  });

  test.each(routes.slice(1))("%s finds nothing that there is not", async (route) => {
    for (const id of ["pur_nobody", "%00", "%27"]) {
      const answer = await manage(world, route.replace("x", id), bodyOf(route));
      expectRefusal(answer, { status: 404, code: "purchase_not_found" });
    }
  });
});
