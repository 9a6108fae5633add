// Past 250 lines: one task, with what it finds, and what keeps it from it.
import { eq } from "drizzle-orm";
import { afterEach, describe, expect, test } from "vitest";
import { createEnvironment } from "../../engine/create-environment.ts";
import { connectStripeAccount } from "../../engine/integrations.ts";
import { purchases, stripeCursors, stripeEvents } from "../../schemas/sales-tables.ts";
import { askStripe, pageSession, paymentOf, salesOf, sessionFor } from "../fakes/sales.ts";
import type { sampleConfig } from "../fakes/sample-config.ts";
import { behind, brokenStripe, countsOf, runTaskIn, taskIn } from "../fakes/tasks.ts";
import { createWorld, type World, type WorldOptions } from "../fakes/world.ts";

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0).reverse()) await world.close();
});

/** A world in which no webhook ever comes, unless a test says otherwise. */
async function open(options: WorldOptions = {}): Promise<World> {
  const world = await createWorld(options);
  worlds.push(world);
  return world;
}

/** A day pass, paid once: its session has a payment of its own. */
function oneOff(sample: ReturnType<typeof sampleConfig>) {
  const [offer] = sample.offers;
  return {
    ...sample,
    plans: [{ ...sample.plans[0], price: { currency: "gbp", amountMinor: 1000, interval: null } }],
    offers: [{ ...offer, redemption: { accountId: "acct_world" } }],
  };
}

const mail = { email: "buyer@example.com" };
const minutes = 60_000;
const hours = 60 * minutes;
const days = 24 * hours;
const reader = (n: number) => ({ userIdentifier: `reader-${n}@example.com` });

const reconcile = (world: World) => countsOf(world, "reconcile");

/** Lets time pass, at the server and at Stripe alike. */
function pass(world: World, ms: number): void {
  world.clock.advance(ms);
  world.stripe.tick();
}

function requestsFor(world: World, path: string): number {
  return world.stripe.requestCount(`GET ${path}`);
}

describe("a webhook that never comes", () => {
  test("and a buyer who never returns: reconciling completes the purchase", async () => {
    const world = await open();
    const { id } = await pageSession(world);
    world.stripe.pay(id, mail);
    pass(world, 2 * minutes);
    expect(await reconcile(world)).toMatchObject({ asked: 0, errors: 0 });
    const sales = await salesOf(world);
    expect(sales).toMatchObject({ purchases: [{ status: "completed" }], active: [{}], history: ["purchase"] });
    expect(await reconcile(world)).toMatchObject({ asked: 0, events: 0 });
    expect(await salesOf(world)).toEqual(sales);
  });

  test("and no event to be read: the pending purchase itself is asked about", async () => {
    const first = await open();
    const { id } = await sessionFor(first);
    first.stripe.pay(id, mail);
    const stripe = behind(first.stripe, async ({ url }) => (url.includes("/v1/events") ? brokenStripe() : null));
    const world = await open({ file: first.file, stripe });
    world.clock.advance(2 * minutes);
    const { body } = await runTaskIn(world, "reconcile");
    expect(body.outcome).toMatchObject({ ok: false, counts: { asked: 1, completed: 1, events: 0, errors: 1 } });
    expect(body.outcome.failures).toEqual([expect.stringMatching(/^Stripe does not answer: /)]);
    expect(await salesOf(first)).toMatchObject({ purchases: [{ status: "completed" }], history: ["purchase"] });
  });

  test("is made good for a refund and for a dispute that is won", async () => {
    const world = await open({ config: oneOff });
    const [refunded, disputed] = [await sessionFor(world, reader(1)), await sessionFor(world, reader(2))];
    for (const { id } of [refunded, disputed]) world.stripe.pay(id, mail);
    await reconcile(world);
    expect((await salesOf(world)).active).toHaveLength(2);
    await askStripe(world, "/v1/refunds", { payment_intent: paymentOf(world, refunded.id) });
    const dispute = world.stripe.disputeCharge(paymentOf(world, disputed.id));
    pass(world, 5 * minutes);
    expect(await reconcile(world)).toMatchObject({ errors: 0 });
    const statuses = async () => (await salesOf(world)).purchases.map(({ status }) => status).toSorted();
    expect(await statuses()).toEqual(["disputed", "refunded"]);
    expect((await salesOf(world)).active).toEqual([]);
    world.stripe.closeDispute(dispute.id, "won");
    pass(world, 1 * minutes);
    await reconcile(world);
    expect(await statuses()).toEqual(["completed", "refunded"]);
    expect((await salesOf(world)).active).toHaveLength(1);
  });

  test("is made good for renewals, month after month, and for the end of the subscription", async () => {
    const world = await open();
    const { id } = await sessionFor(world);
    world.stripe.pay(id, mail);
    await reconcile(world);
    for (const months of [1, 2]) {
      pass(world, 31 * days);
      // a renewal's invoice is paid an hour after it was made
      pass(world, 2 * hours);
      expect(await reconcile(world)).toMatchObject({ errors: 0 });
      const { active, history } = await salesOf(world);
      expect(active.length, `after ${months} months`).toBeGreaterThan(0);
      expect(history.filter((type) => type === "renewal")).toHaveLength(months);
    }
    const [subscription] = world.stripe.subscriptions();
    const response = await world.stripe.fetch(`http://stripe.test/v1/subscriptions/${subscription?.id}`, {
      method: "DELETE",
      headers: { authorization: "Bearer sk_test_world" },
    });
    expect(response.status).toBe(200);
    await reconcile(world);
    expect(await salesOf(world)).toMatchObject({ active: [] });
  });

  test("is made good for a delayed payment that fails after days", async () => {
    const world = await open({ config: oneOff });
    const { id } = await sessionFor(world);
    world.stripe.pay(id, { ...mail, method: "delayed" });
    pass(world, 2 * minutes);
    expect(await reconcile(world)).toMatchObject({ events: 1, asked: 1, waiting: 1 });
    expect(await salesOf(world)).toMatchObject({ purchases: [{ status: "pending", awaitingPayment: true }] });
    pass(world, 4 * days);
    world.stripe.settleDelayedPayment(id, "failed");
    expect(await reconcile(world)).toMatchObject({ errors: 0 });
    expect(await salesOf(world)).toMatchObject({ purchases: [{ status: "failed" }], entitlements: [] });
  });
});

describe("a pending purchase", () => {
  const askedAgain = async (world: World, id: string) => {
    const before = requestsFor(world, `/v1/checkout/sessions/${id}`);
    await reconcile(world);
    return requestsFor(world, `/v1/checkout/sessions/${id}`) > before;
  };

  test("is first asked about after two minutes, and then ever more seldom", async () => {
    const world = await open();
    const { id } = await sessionFor(world);
    const askedAfter: number[] = [];
    for (let minute = 1; minute <= 60; minute++) {
      pass(world, 1 * minutes);
      if (await askedAgain(world, id)) askedAfter.push(minute);
    }
    expect(askedAfter).toEqual([2, 4, 6, 8, 11, 15, 20, 27, 36, 48]);
  });

  test("that has expired at Stripe is told apart from those that are open", async () => {
    const world = await open();
    const sessions = [await sessionFor(world, reader(1)), await sessionFor(world, reader(2))];
    world.stripe.expire(sessions[0]?.id ?? "");
    pass(world, 2 * minutes);
    // the event says so before anybody is asked
    expect(await reconcile(world)).toMatchObject({ events: 1, asked: 1, open: 1, expired: 0 });
    const statuses = (await salesOf(world)).purchases.map(({ status }) => status);
    expect(statuses).toEqual(["expired", "pending"]);
  });

  test("is asked about beside three others, however many there are", async () => {
    const world = await open();
    const { id } = await sessionFor(world);
    const [row] = await world.engine.storage.db.select().from(purchases);
    if (row === undefined) throw new Error("there is no purchase");
    const copies = Array.from({ length: 249 }, (_, i) => ({ ...row, id: `pur_${i}`, sessionId: `cs_gone_${i}` }));
    await world.engine.storage.write((tx) => tx.insert(purchases).values(copies));
    let now = 0;
    let most = 0;
    const stripe = behind(world.stripe, async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 1));
      now -= 1;
      return null;
    });
    const other = await open({ file: world.file, stripe });
    for (const { clock } of [world, other]) clock.advance(2 * minutes);
    expect(await reconcile(other)).toMatchObject({ asked: 250, open: 1, unknown: 249, errors: 0 });
    expect(most).toBe(4);
    expect(requestsFor(world, `/v1/checkout/sessions/${id}`)).toBe(1);
    expect(await reconcile(other)).toMatchObject({ asked: 0 });
  });

  test("is asked about in whatever environment it is", async () => {
    const world = await open();
    await sessionFor(world);
    await createEnvironment(world.engine, { id: "env_other", name: "Other" });
    await connectStripeAccount(world.engine, "env_other", { accountId: "acct_world", secretKey: "sk_test_world" });
    const [row] = await world.engine.storage.db.select().from(purchases);
    if (row === undefined) throw new Error("there is no purchase");
    const other = { ...row, id: "pur_other", environmentId: "env_other", offerVersion: 1 };
    await world.engine.storage.write((tx) => tx.insert(purchases).values(other));
    pass(world, 2 * minutes);
    expect(await reconcile(world)).toMatchObject({ asked: 2, open: 2 });
  });

  test("that cannot be settled does not stop the others, and is counted", async () => {
    const world = await open({ config: oneOff });
    const [broken, good] = [await sessionFor(world, reader(1)), await sessionFor(world, reader(2))];
    for (const { id } of [broken, good]) world.stripe.pay(id, mail);
    await world.engine.storage.write((tx) =>
      tx.update(purchases).set({ planId: "plan_gone" }).where(eq(purchases.sessionId, broken.id)),
    );
    pass(world, 2 * minutes);
    const { body } = await runTaskIn(world, "reconcile");
    // once as an event, once as a purchase
    expect(body.outcome).toMatchObject({ ok: false, counts: { asked: 1, events: 1, errors: 2 } });
    expect(body.outcome.failures.join()).toMatch(/purchase pur_\w+: a fault of this server/);
    expect((await salesOf(world)).purchases.map(({ status }) => status)).toEqual(["pending", "completed"]);
    expect(world.faults.join()).toContain("plan_gone");
  });

  test("of an account that is no longer connected is counted, and named", async () => {
    const world = await open();
    await sessionFor(world);
    await world.engine.storage.write((tx) => tx.update(purchases).set({ accountId: "acct_gone" }));
    pass(world, 2 * minutes);
    const { body } = await runTaskIn(world, "reconcile");
    expect(body.outcome.failures).toEqual([
      expect.stringMatching(/^purchase pur_\w+: env_preview has no .* acct_gone/),
    ]);
  });
});

describe("Stripe is down", () => {
  test("everything stays pending, the outcome says so, and the first run after it makes it good", {
    timeout: 60_000,
  }, async () => {
    const world = await open();
    for (let n = 0; n < 9; n++) world.stripe.pay((await sessionFor(world, reader(n))).id, mail);
    pass(world, 2 * minutes);
    world.stripe.chaos({ api: { error500: 1 } });
    const { status, body } = await runTaskIn(world, "reconcile");
    expect(status).toBe(200);
    const { asked, unasked, errors, completed } = body.outcome.counts;
    // after four that were not answered only those under way are waited for; the other error is the list of events
    expect([body.outcome.ok, completed, asked + unasked, errors - 1]).toEqual([false, 0, 9, asked]);
    expect(asked).toBeLessThan(8);
    expect(body.outcome.failures).toEqual([expect.stringMatching(/^Stripe does not answer: /)]);
    expect(await taskIn(world, "reconcile")).toMatchObject({ state: "idle", outcome: body.outcome });
    const sales = await salesOf(world);
    expect(new Set(sales.purchases.map((row) => `${row.status} ${row.askedAt}`))).toEqual(new Set(["pending null"]));
    expect(world.faults).toHaveLength(1);
    world.stripe.chaos({});
    pass(world, 1 * minutes);
    expect(await reconcile(world)).toMatchObject({ errors: 0 });
    expect((await salesOf(world)).active).toHaveLength(9);
  });
});

describe("the events of Stripe", () => {
  const cursorOf = async ({ engine }: World) => (await engine.storage.db.select().from(stripeCursors))[0]?.readUntil;

  test("that came by webhook are not handled again", async () => {
    const world = await open({ webhooks: true });
    world.stripe.pay((await sessionFor(world)).id, mail);
    await world.stripe.settled();
    const recorded = await world.engine.storage.db.$count(stripeEvents);
    const counts = await reconcile(world);
    expect(counts.asked).toBe(0);
    const all = await world.engine.storage.db.select().from(stripeEvents);
    expect(all.length).toBe(recorded + (counts.events ?? 0));
    expect(await reconcile(world)).toMatchObject({ events: 0 });
    expect((await salesOf(world)).history).toEqual(["purchase"]);
  });

  test("are first read from a day back, and then from ten minutes before the last that was handled", async () => {
    const world = await open();
    const asked: string[] = [];
    const stripe = behind(world.stripe, async ({ url }) => {
      if (url.includes("/v1/events")) asked.push(new Date(since(url)).toISOString());
      return null;
    });
    const other = await open({ file: world.file, stripe });
    const { id } = await sessionFor(world);
    await reconcile(other);
    await reconcile(other);
    pass(world, 5 * minutes);
    other.clock.advance(5 * minutes);
    world.stripe.pay(id, mail);
    await reconcile(other);
    await reconcile(other);
    const dayBack = "2026-02-28T11:50:00.000Z";
    expect(asked).toEqual([dayBack, dayBack, dayBack, "2026-03-01T11:55:00.000Z"]);
  });

  test("that fail hold the cursor and not what comes after, and are handled the next time", async () => {
    const world = await open({ config: oneOff });
    const first = await sessionFor(world, reader(1));
    await reconcile(world);
    world.stripe.pay(first.id, mail);
    const failedAt = Math.floor(world.clock.now() / 1000) * 1000;
    pass(world, 30 * minutes);
    const second = await sessionFor(world, reader(2));
    world.stripe.pay(second.id, mail);
    const broken = behind(world.stripe, async ({ url }) => (url.includes(first.id) ? brokenStripe() : null));
    const other = await open({ file: world.file, stripe: broken });
    other.clock.advance(30 * minutes);
    const { body } = await runTaskIn(other, "reconcile");
    expect(body.outcome).toMatchObject({ ok: false, counts: { events: 1 } });
    expect(await cursorOf(world)).toBe(failedAt);
    const statuses = async () => (await salesOf(world)).purchases.map(({ status }) => status);
    expect(await statuses()).toEqual(["pending", "completed"]);
    expect(await reconcile(world)).toMatchObject({ events: 1, errors: 0 });
    expect(await statuses()).toEqual(["completed", "completed"]);
    expect(await cursorOf(world)).toBe(failedAt + 30 * minutes);
  });

  test("that fail for longer than Stripe repeats a webhook hold it no more", async () => {
    const world = await open({ config: oneOff });
    const { id } = await sessionFor(world);
    await reconcile(world);
    world.stripe.pay(id, mail);
    const failedAt = world.clock.now();
    await world.engine.storage.write((tx) => tx.update(purchases).set({ planId: "plan_gone" }));
    pass(world, 3 * days - 1 * minutes);
    await runTaskIn(world, "reconcile");
    expect(await cursorOf(world)).toBe(failedAt);
    world.stripe.pay((await sessionFor(world, reader(2))).id, mail);
    await runTaskIn(world, "reconcile");
    expect(await cursorOf(world)).toBe(failedAt);
    pass(world, 1 * minutes);
    await runTaskIn(world, "reconcile");
    expect(await cursorOf(world)).toBe(world.clock.now() - 1 * minutes);
  });

  test("are read in pages and handled oldest first, also when there are very many", async () => {
    const world = await open({ config: oneOff });
    const { id } = await sessionFor(world);
    world.stripe.pay(id, mail);
    const foreign = Array.from({ length: 250 }, (_, i) => ({
      id: `evt_foreign_${i}`,
      type: "checkout.session.completed",
      created: Math.floor(world.clock.now() / 1000) - i,
      data: { object: { id: `cs_foreign_${i}` } },
    }));
    const asked: string[] = [];
    const stripe = behind(world.stripe, async ({ url }) => {
      if (!url.includes("/v1/events")) return null;
      const after = new URL(url).searchParams.get("starting_after");
      asked.push(after ?? "newest");
      const from = foreign.findIndex((event) => event.id === after) + 1;
      const data = foreign.slice(from, from + 100);
      return Response.json({ object: "list", data, has_more: from + 100 < foreign.length });
    });
    const other = await open({ file: world.file, stripe });
    expect(await reconcile(other)).toMatchObject({ events: 250 });
    expect(asked).toEqual(["newest", "evt_foreign_99", "evt_foreign_199"]);
    const rows = await world.engine.storage.db.select().from(stripeEvents);
    expect([rows.length, rows[0]?.eventId, rows.at(-1)?.eventId]).toEqual([250, "evt_foreign_249", "evt_foreign_0"]);
    expect(await reconcile(other)).toMatchObject({ events: 0 });
  });

  test("of an account with which nothing was sold are not asked for", async () => {
    const world = await open();
    await connectStripeAccount(world.engine, "env_preview", { accountId: "acct_idle", secretKey: "sk_test_idle" });
    await reconcile(world);
    expect(requestsFor(world, "/v1/events")).toBe(0);
    await sessionFor(world);
    await reconcile(world);
    expect(requestsFor(world, "/v1/events")).toBe(1);
  });
});

function since(url: string): number {
  return Number(new URL(url).searchParams.get("created[gte]")) * 1000;
}
