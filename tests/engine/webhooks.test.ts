// Past 250 lines: one delivery from the message to the last try.
import { Webhook } from "standardwebhooks";
import { afterEach, describe, expect, test } from "vitest";
import type { Database } from "../../engine/storage.ts";
import { deliverDue } from "../../engine/webhooks/deliver.ts";
import { tell } from "../../engine/webhooks/outbox.ts";
import { webhookDeliveries, webhookMessages } from "../../schemas/webhook-tables.ts";
import {
  askWebhooks,
  createReceivingWorlds,
  deliveriesOf,
  isSignedBy,
  makeEndpoint,
  memberCreated,
  type Reply,
  tellAll,
} from "../fakes/receiver.ts";
import type { World } from "../fakes/world.ts";

const { open, close } = createReceivingWorlds();
afterEach(close);

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

const answers =
  (status: number, headers: Record<string, string> = {}, body: string | null = null): Reply =>
  () =>
    new Response(body, { status, headers });

describe("what is told", () => {
  test("arrives as one signed POST that the library of Standard Webhooks verifies", async () => {
    const world = await open();
    world.clock.set(Date.now());
    const { secret } = await makeEndpoint(world);
    await tellAll(world, [memberCreated(7)]);
    expect(await deliverDue(world.engine)).toBe(1);
    const [only, ...others] = world.receiver.received;
    expect(others).toEqual([]);
    expect(only?.url).toBe("https://hooks.test/in");
    expect(only?.headers).toMatchObject({
      "content-type": "application/json",
      "webhook-id": expect.stringMatching(/^msg_[\w-]{20,}$/),
      "webhook-timestamp": String(Math.floor(world.clock.now() / 1000)),
    });
    const verified = new Webhook(secret).verify(only?.body ?? "", only?.headers ?? {});
    const timestamp = new Date(world.clock.now()).toISOString();
    expect(verified).toEqual({ type: "member.created", timestamp, data: memberCreated(7).data });
    expect(() => new Webhook(secret).verify(`${only?.body} `, only?.headers ?? {})).toThrow("No matching signature");
    expect(await deliverDue(world.engine)).toBe(0);
  });

  test("goes to the endpoints that want its type, and to those that want all", async () => {
    const world = await open();
    await makeEndpoint(world, { url: "https://all.test/" });
    await makeEndpoint(world, { url: "https://members.test/", types: ["member.created", "ping"] });
    await makeEndpoint(world, { url: "https://refunds.test/", types: ["purchase.refunded"] });
    await tellAll(world, [memberCreated()]);
    await deliverDue(world.engine);
    expect(world.receiver.received.map(({ url }) => url).toSorted()).toEqual([
      "https://all.test/",
      "https://members.test/",
    ]);
    const ids = new Set(world.receiver.received.map(({ headers }) => headers["webhook-id"]));
    expect(ids.size).toBe(1);
  });

  test("costs no statement where nobody wants to know", async () => {
    const world = await open();
    await makeEndpoint(world, { types: ["purchase.refunded"] });
    const environment = await world.engine.environments.get(world.environmentId);
    if (environment === undefined) throw new Error("no environment");
    const untouchable: Database = new Proxy(world.engine.storage.db, {
      get: () => {
        throw new Error("a statement");
      },
    });
    await tell(untouchable, environment, [memberCreated()], 1);
    await tell(untouchable, { ...environment, webhookEndpoints: [] }, [memberCreated()], 1);
    await expect(tell(untouchable, environment, [{ type: "purchase.refunded", data: {} }], 1)).rejects.toThrow();
  });

  test("is not told when the transaction is rolled back", async () => {
    const world = await open();
    await makeEndpoint(world);
    const environment = await world.engine.environments.get(world.environmentId);
    const undone = world.engine.storage.write(async (tx) => {
      if (environment !== undefined) await tell(tx, environment, [memberCreated()], world.clock.now());
      throw new Error("undone");
    });
    await expect(undone).rejects.toThrow("undone");
    expect(await deliverDue(world.engine)).toBe(0);
  });

  test("may be very much at once", async () => {
    const world = await open();
    for (let n = 0; n < 3; n++) await makeEndpoint(world, { url: `https://${n}.test/` });
    await tellAll(
      world,
      Array.from({ length: 5000 }, (_, n) => memberCreated(n)),
    );
    const { db } = world.engine.storage;
    expect(await db.$count(webhookMessages)).toBe(5000);
    expect(await db.$count(webhookDeliveries)).toBe(15_000);
  });

  test("stays as it was through every attempt, whatever characters it has", async () => {
    const world = await open();
    const { secret } = await makeEndpoint(world);
    world.receiver.reply = answers(500);
    const data = { odd: 'a\u0000b \ud800 \u2028 "ä" 🎟', 2: "two", 1: "one", big: 1e21, none: null };
    await tellAll(world, [{ type: "member.created", data }]);
    await deliverDue(world.engine);
    world.clock.advance(10_000);
    await deliverDue(world.engine);
    const [first, second] = world.receiver.received;
    expect(second?.body).toBe(first?.body);
    expect(JSON.parse(second?.body ?? "").data).toEqual(data);
    expect(second && isSignedBy(secret, second)).toBe(true);
  });
});

describe("a rotated secret", () => {
  test("signs beside the old one for 24 hours, and then alone", async () => {
    const world = await open();
    const { id, secret: old } = await makeEndpoint(world);
    const rotated = await askWebhooks(world, "POST", `/${id}/rotate-secret`);
    expect(rotated.body.endpoint.previousSecretUntil).toBe("2026-03-02T12:00:00.000Z");
    const { secret: fresh } = rotated.body;
    world.clock.advance(dayMs - 1);
    await tellAll(world, [memberCreated()]);
    await deliverDue(world.engine);
    world.clock.advance(1);
    await tellAll(world, [memberCreated()]);
    await deliverDue(world.engine);
    const [within, after] = world.receiver.received.map((one) => [isSignedBy(old, one), isSignedBy(fresh, one)]);
    expect(within).toEqual([true, true]);
    expect(after).toEqual([false, true]);
    const [{ previousSecretUntil }] = (await askWebhooks(world, "GET")).body.endpoints;
    expect(previousSecretUntil).toBe(null);
  });

  test("ends the oldest at once when it is rotated twice", async () => {
    const world = await open();
    const { id, secret: first } = await makeEndpoint(world);
    const { secret: second } = (await askWebhooks(world, "POST", `/${id}/rotate-secret`)).body;
    const { secret: third } = (await askWebhooks(world, "POST", `/${id}/rotate-secret`)).body;
    await tellAll(world, [memberCreated()]);
    await deliverDue(world.engine);
    const [only] = world.receiver.received;
    const signs = [first, second, third].map((secret) => only !== undefined && isSignedBy(secret, only));
    expect(signs).toEqual([false, true, true]);
  });
});

describe("an endpoint", () => {
  const stateOf = async (world: World) => (await askWebhooks(world, "GET")).body.endpoints[0];

  test("that answers 410 is disabled at once, and what waits for it is given up", async () => {
    const world = await open();
    const { id } = await makeEndpoint(world);
    world.receiver.reply = answers(500);
    await tellAll(world, [memberCreated(1)]);
    await deliverDue(world.engine);
    world.receiver.reply = answers(410);
    await tellAll(world, [memberCreated(2)]);
    await deliverDue(world.engine);
    expect(await stateOf(world)).toMatchObject({
      enabled: false,
      disabledAt: "2026-03-01T12:00:00.000Z",
      disabledReason: "gone",
    });
    await tellAll(world, [memberCreated(3)]);
    world.clock.advance(dayMs);
    expect(await deliverDue(world.engine)).toBe(0);
    const deliveries = await deliveriesOf(world, id);
    expect(deliveries.map(({ status }: { status: string }) => status)).toEqual(["failed", "failed"]);
  });

  /** Tells something every hour and sends it, for so long. */
  async function keepFailing(world: World, forMs: number): Promise<void> {
    const untilMs = world.clock.now() + forMs;
    while (world.clock.now() < untilMs) {
      await tellAll(world, [memberCreated()]);
      await deliverDue(world.engine);
      world.clock.advance(hourMs);
    }
  }

  test("that fails for five days without pause is disabled, and begins anew when it is enabled", async () => {
    const world = await open();
    const { id } = await makeEndpoint(world);
    world.receiver.reply = answers(500);
    await keepFailing(world, 5 * dayMs);
    expect(await stateOf(world)).toMatchObject({ enabled: true, disabledReason: null });
    await keepFailing(world, 6 * hourMs);
    expect(await stateOf(world)).toMatchObject({ enabled: false, disabledReason: "failing" });
    const { body } = await askWebhooks(world, "PATCH", `/${id}`, { enabled: true });
    expect(body.endpoint).toMatchObject({ enabled: true, disabledAt: null, disabledReason: null });
    await keepFailing(world, 4 * dayMs);
    expect(await stateOf(world)).toMatchObject({ enabled: true });
    await keepFailing(world, 2 * dayMs);
    expect(await stateOf(world)).toMatchObject({ enabled: false, disabledReason: "failing" });
  });

  test("that takes one message in five days is not disabled", async () => {
    const world = await open();
    await makeEndpoint(world);
    world.receiver.reply = answers(500);
    await keepFailing(world, 3 * dayMs);
    world.receiver.reply = answers(204);
    await tellAll(world, [memberCreated()]);
    await deliverDue(world.engine);
    world.receiver.reply = answers(500);
    await keepFailing(world, 4 * dayMs);
    expect(await stateOf(world)).toMatchObject({ enabled: true });
  });

  test("that stumbles once after a quiet week is not disabled for what failed before it", async () => {
    const world = await open();
    await makeEndpoint(world);
    world.receiver.reply = answers(500);
    await keepFailing(world, hourMs);
    world.clock.advance(7 * dayMs);
    await tellAll(world, [memberCreated()]);
    expect(await deliverDue(world.engine)).toBe(2);
    expect(await stateOf(world)).toMatchObject({ enabled: true });
  });

  test("that another process still believes enabled is told nothing", async () => {
    const first = await open();
    const second = await open({ file: first.file, stripe: first.stripe });
    const { id } = await makeEndpoint(first);
    await second.engine.environments.reload("env_preview");
    await askWebhooks(first, "PATCH", `/${id}`, { enabled: false });
    await tellAll(second, [memberCreated()]);
    await deliverDue(second.engine);
    expect([...first.receiver.received, ...second.receiver.received]).toEqual([]);
    const [{ status, attempts }] = await deliveriesOf(first, id);
    expect({ status, attempts }).toMatchObject({ status: "failed", attempts: [{ status: null, error: "withdrawn" }] });
  });

  test("that is made by another process is told within one look at the revisions", async () => {
    const first = await open();
    const second = await open({ file: first.file, stripe: first.stripe });
    await second.engine.environments.get("env_preview");
    await makeEndpoint(first);
    await second.engine.environments.refresh();
    await tellAll(second, [memberCreated()]);
    expect(await deliverDue(second.engine)).toBe(1);
  });
});
