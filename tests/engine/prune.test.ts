import { eq } from "drizzle-orm";
import { afterEach, describe, expect, test } from "vitest";
import { openSession } from "../../engine/member-sessions.ts";
import { deliverDue } from "../../engine/webhooks/deliver.ts";
import { memberSessions, purchases, purchaseTokens, stripeEvents } from "../../schemas/sales-tables.ts";
import { redemptions } from "../../schemas/tables.ts";
import { webhookAttempts, webhookDeliveries, webhookMessages } from "../../schemas/webhook-tables.ts";
import { askWebhooks, createReceiver, makeEndpoint, memberCreated, tellAll } from "../fakes/receiver.ts";
import { ask } from "../fakes/requests.ts";
import { environmentOf, salesOf, sessionFor } from "../fakes/sales.ts";
import type { sampleConfig } from "../fakes/sample-config.ts";
import { behind, countsOf, runTaskIn } from "../fakes/tasks.ts";
import { createWorld, type World, type WorldOptions } from "../fakes/world.ts";

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0).reverse()) await world.close();
});

/** A day pass, paid once, in a world in which no webhook ever comes. */
async function open(options: WorldOptions = {}): Promise<World> {
  const world = await createWorld({ config: oneOff, ...options });
  worlds.push(world);
  return world;
}

function oneOff(sample: ReturnType<typeof sampleConfig>) {
  const [offer] = sample.offers;
  return {
    ...sample,
    plans: [{ ...sample.plans[0], price: { currency: "gbp", amountMinor: 1000, interval: null } }],
    offers: [{ ...offer, redemption: { accountId: "acct_world" }, limits: { total: 3 } }],
  };
}

const mail = { email: "buyer@example.com" };
const hours = 3_600_000;
const days = 24 * hours;
const reader = (n: number) => ({ userIdentifier: `reader-${n}@example.com` });

const prune = (world: World) => countsOf(world, "prune");
const statusesOf = async (world: World) => (await salesOf(world)).purchases.map(({ status }) => status);

function pass(world: World, ms: number): void {
  world.clock.advance(ms);
  world.stripe.tick();
}

describe("a pending purchase", () => {
  test("is left alone for a day, and expires after it when nobody paid, which gives its place back", async () => {
    const world = await open();
    for (const n of [1, 2, 3]) await sessionFor(world, reader(n));
    pass(world, 24 * hours);
    expect(await prune(world)).toMatchObject({ asked: 0 });
    pass(world, 1);
    expect(await prune(world)).toMatchObject({ asked: 3, expired: 3, errors: 0 });
    expect(await statusesOf(world)).toEqual(["expired", "expired", "expired"]);
    expect(await world.engine.storage.db.select().from(redemptions)).toMatchObject([
      { outcome: "expired" },
      { outcome: "expired" },
      { outcome: "expired" },
    ]);
    await sessionFor(world, reader(4));
  });

  test("that was paid in the last second is completed, not pruned", async () => {
    const world = await open();
    const { id } = await sessionFor(world);
    pass(world, 24 * hours - 1000);
    world.stripe.pay(id, mail);
    pass(world, 2000);
    expect(await prune(world)).toMatchObject({ asked: 1, completed: 1, expired: 0 });
    expect((await salesOf(world)).active).toHaveLength(1);
  });

  test("whose payment is delayed is not pruned, and is completed when the money comes", async () => {
    const world = await open();
    const { id } = await sessionFor(world);
    world.stripe.pay(id, { ...mail, method: "delayed" });
    for (let day = 1; day <= 5; day++) {
      pass(world, 25 * hours);
      expect(await prune(world)).toMatchObject({ asked: 1, waiting: 1, expired: 0 });
      expect(await salesOf(world)).toMatchObject({ purchases: [{ status: "pending" }], entitlements: [] });
    }
    world.stripe.settleDelayedPayment(id, "succeeded");
    expect(await prune(world)).toMatchObject({ asked: 1, completed: 1 });
    expect((await salesOf(world)).active).toHaveLength(1);
  });

  test("whose delayed payment failed is failed, not expired", async () => {
    const world = await open();
    const { id } = await sessionFor(world);
    world.stripe.pay(id, { ...mail, method: "delayed" });
    pass(world, 25 * hours);
    world.stripe.settleDelayedPayment(id, "failed");
    expect(await prune(world)).toMatchObject({ asked: 1, failed: 1 });
    expect(await statusesOf(world)).toEqual(["failed"]);
  });

  test("that Stripe does not know expires as any other", async () => {
    const world = await open();
    const { id } = await sessionFor(world);
    const gone = { sessionId: "cs_test_of_another_account" };
    await world.engine.storage.write((tx) => tx.update(purchases).set(gone).where(eq(purchases.sessionId, id)));
    pass(world, 25 * hours);
    expect(await prune(world)).toMatchObject({ asked: 1, unknown: 1, errors: 0 });
    expect(await statusesOf(world)).toEqual(["expired"]);
    expect(await world.engine.storage.db.select().from(redemptions)).toMatchObject([{ outcome: "expired" }]);
  });

  test("stays for the next time when Stripe does not answer, and the outcome says so", async () => {
    const first = await open();
    await sessionFor(first);
    let down = true;
    const stripe = behind(first.stripe, async () => {
      if (down) throw new TypeError("fetch failed");
      return null;
    });
    const world = await open({ file: first.file, stripe });
    for (const { clock } of [first, world]) clock.advance(25 * hours);
    const { body } = await runTaskIn(world, "prune");
    expect(body.outcome).toMatchObject({ ok: false, counts: { asked: 1, expired: 0, errors: 1 } });
    expect(body.outcome.failures).toEqual([expect.stringMatching(/^Stripe does not answer: /)]);
    expect(await statusesOf(world)).toEqual(["pending"]);
    down = false;
    expect(await prune(world)).toMatchObject({ asked: 1, expired: 1 });
  });

  test("that waits behind a refused key stays, and Stripe's reason is told without the key", async () => {
    const world = await open();
    await sessionFor(world);
    const body = { accountId: "acct_world", secretKey: "sk_test_revokedlongago" };
    const path = "/api/v1/manage/environments/env_preview/integrations/stripe";
    expect((await ask(world, "PUT", path, { key: world.adminToken, body })).status).toBe(200);
    pass(world, 25 * hours);
    const { text, body: answer } = await runTaskIn(world, "prune");
    expect(answer.outcome).toMatchObject({ ok: false, counts: { errors: 1, expired: 0 } });
    expect(text).not.toContain("revokedlongago");
    expect(await statusesOf(world)).toEqual(["pending"]);
  });
});

describe("what nobody needs any more is deleted", () => {
  test("purchases 30 days after they expired, and no others, in batches", async () => {
    const world = await open();
    const { id } = await sessionFor(world, reader(1));
    world.stripe.pay(id, mail);
    const unpaid = await sessionFor(world, reader(2));
    pass(world, 25 * hours);
    await prune(world);
    expect(await statusesOf(world)).toEqual(["completed", "expired"]);
    const { db } = world.engine.storage;
    const [row] = await db.select().from(purchases).where(eq(purchases.sessionId, unpaid.id));
    if (row === undefined) throw new Error("there is no expired purchase");
    const copies = Array.from({ length: 1200 }, (_, i) => ({ ...row, id: `pur_${i}`, sessionId: `cs_${i}` }));
    for (let i = 0; i < copies.length; i += 400) {
      await world.engine.storage.write((tx) => tx.insert(purchases).values(copies.slice(i, i + 400)));
    }
    pass(world, 28 * days);
    expect(await prune(world)).toMatchObject({ purchasesDeleted: 0 });
    pass(world, 1 * days);
    expect(await prune(world)).toMatchObject({ purchasesDeleted: 1201 });
    expect(await statusesOf(world)).toEqual(["completed"]);
  });

  test("tokens of the buyer's return a day after they were over, members' sessions when they are", async () => {
    const world = await open();
    const { db } = world.engine.storage;
    const row = { hash: "h", environmentId: "env_preview", purchaseId: "pur_1", expiresAt: world.clock.now() };
    await world.engine.storage.write((tx) => tx.insert(purchaseTokens).values(row));
    await openSession(world.engine, await environmentOf(world), "reader@example.com");
    pass(world, 1 * days);
    expect(await prune(world)).toMatchObject({ tokensDeleted: 0, sessionsDeleted: 0 });
    pass(world, 1);
    expect(await prune(world)).toMatchObject({ tokensDeleted: 1, sessionsDeleted: 0 });
    pass(world, 30 * days);
    expect(await prune(world)).toMatchObject({ tokensDeleted: 0, sessionsDeleted: 1 });
    expect([await db.$count(purchaseTokens), await db.$count(memberSessions)]).toEqual([0, 0]);
  });

  test("records of Stripe's events after 40 days", async () => {
    const world = await open();
    const { id } = await sessionFor(world);
    world.stripe.pay(id, mail);
    await countsOf(world, "reconcile");
    const recorded = await world.engine.storage.db.$count(stripeEvents);
    expect(recorded).toBeGreaterThan(0);
    pass(world, 40 * days);
    expect(await prune(world)).toMatchObject({ stripeEventsDeleted: 0 });
    pass(world, 1);
    expect(await prune(world)).toMatchObject({ stripeEventsDeleted: recorded });
    // Stripe lists none as old, so that none is handled again
    expect(await countsOf(world, "reconcile")).toMatchObject({ events: 0 });
  });

  test("webhook messages after 30 days, unless they are on their way or were sent again lately", async () => {
    const receiver = createReceiver();
    const world = await open({ publicFetch: receiver.fetch });
    const { db } = world.engine.storage;
    const endpoint = await makeEndpoint(world);
    await tellAll(world, [memberCreated(1), memberCreated(2), memberCreated(3)]);
    await deliverDue(world.engine);
    const ids = (await db.select().from(webhookMessages)).map((message) => message.id);
    pass(world, 30 * days);
    expect(await prune(world)).toMatchObject({ webhookMessagesDeleted: 0 });
    await askWebhooks(world, "POST", `/${endpoint.id}/deliveries/${ids[0]}/retry`);
    await deliverDue(world.engine);
    await askWebhooks(world, "POST", `/${endpoint.id}/deliveries/${ids[1]}/retry`);
    pass(world, 1);
    expect(await prune(world)).toMatchObject({ webhookMessagesDeleted: 1 });
    const left = async () => [
      (await db.select().from(webhookMessages)).map((message) => message.id),
      await db.$count(webhookDeliveries),
      await db.$count(webhookAttempts),
    ];
    expect(await left()).toEqual([[ids[0], ids[1]], 2, 3]);
    await deliverDue(world.engine);
    pass(world, 30 * days + 1);
    expect(await prune(world)).toMatchObject({ webhookMessagesDeleted: 2 });
    expect(await left()).toEqual([[], 0, 0]);
  });
});
