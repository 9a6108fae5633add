import { afterEach, describe, expect, test } from "vitest";
import { backoffMs } from "../../engine/webhooks/backoff.ts";
import { deliverDue } from "../../engine/webhooks/deliver.ts";
import {
  createReceivingWorlds,
  deliveriesOf,
  makeEndpoint,
  memberCreated,
  type Reply,
  tellAll,
} from "../fakes/receiver.ts";

const { open, close } = createReceivingWorlds();
afterEach(close);

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

const answers =
  (status: number, headers: Record<string, string> = {}, body: string | null = null): Reply =>
  () =>
    new Response(body, { status, headers });

describe("an attempt that fails", () => {
  test("is followed by others under the same id, later and later, and after ten it is given up", async () => {
    const world = await open();
    const { id } = await makeEndpoint(world);
    world.receiver.reply = answers(503, {}, "try later");
    await tellAll(world, [memberCreated()]);
    expect(await deliverDue(world.engine)).toBe(1);
    for (const delayMs of backoffMs) {
      world.clock.advance(delayMs - 1);
      expect(await deliverDue(world.engine), `before ${delayMs}`).toBe(0);
      world.clock.advance(delayMs * 0.2 + 1);
      expect(await deliverDue(world.engine), `after ${delayMs}`).toBe(1);
    }
    world.clock.advance(30 * dayMs);
    expect(await deliverDue(world.engine)).toBe(0);
    const times = world.receiver.received.map(({ headers }) => headers["webhook-timestamp"]);
    expect(new Set(times).size).toBe(10);
    expect(new Set(world.receiver.received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    const [delivery] = await deliveriesOf(world, id);
    expect(delivery).toMatchObject({ status: "failed", nextAttemptAt: null, deliveredAt: null });
    expect(delivery.attempts).toHaveLength(10);
    expect(delivery.attempts[9]).toEqual({
      createdAt: expect.stringMatching(/Z$/),
      status: 503,
      error: "refused",
      said: "try later",
      durationMs: expect.any(Number),
    });
  });

  test("is followed by one that arrives, and then by none", async () => {
    const world = await open();
    const { id } = await makeEndpoint(world);
    world.receiver.reply = answers(500);
    await tellAll(world, [memberCreated()]);
    await deliverDue(world.engine);
    world.receiver.reply = answers(200, {}, "thanks");
    world.clock.advance(6000);
    expect(await deliverDue(world.engine)).toBe(1);
    world.clock.advance(dayMs);
    expect(await deliverDue(world.engine)).toBe(0);
    const [delivery] = await deliveriesOf(world, id);
    expect(delivery.status).toBe("delivered");
    expect(delivery.attempts).toMatchObject([
      { status: 500, error: "refused" },
      { status: 200, error: null, said: "" },
    ]);
  });

  const dateAfter = (ms: number) => new Date(Date.parse("2026-03-01T12:00:00Z") + ms).toUTCString();
  test.each([
    ["seconds", "90", 90_000],
    ["a date", dateAfter(2 * hourMs), 2 * hourMs],
    ["a year, of which a day is granted", String(365 * 86_400), dayMs],
    ["less than the pause that comes anyway", "1", 5000],
    ["a date that is past", dateAfter(-hourMs), 5000],
    ["nonsense", "soon", 5000],
  ])("waits as long as Retry-After says in %s", async (_, header, waitMs) => {
    const world = await open();
    await makeEndpoint(world);
    world.receiver.reply = answers(429, { "retry-after": header });
    await tellAll(world, [memberCreated()]);
    await deliverDue(world.engine);
    world.clock.advance(waitMs - 1);
    expect(await deliverDue(world.engine)).toBe(0);
    world.clock.advance(1001);
    expect(await deliverDue(world.engine)).toBe(1);
  });

  test.each([
    ["timeout", Object.assign(new Error("aborted"), { name: "TimeoutError" })],
    ["timeout", new TypeError("fetch failed", { cause: coded("UND_ERR_CONNECT_TIMEOUT") })],
    ["unknown_name", new TypeError("fetch failed", { cause: coded("ENOTFOUND") })],
    ["tls", new TypeError("fetch failed", { cause: coded("DEPTH_ZERO_SELF_SIGNED_CERT") })],
    ["tls", new TypeError("fetch failed", { cause: coded("ERR_TLS_CERT_ALTNAME_INVALID") })],
    ["unreachable", new TypeError("fetch failed", { cause: coded("ECONNREFUSED") })],
    ["unreachable", "not even an error"],
  ])("is recorded as %s where no answer came", async (word, thrown) => {
    const world = await open();
    const { id } = await makeEndpoint(world);
    world.receiver.reply = () => Promise.reject(thrown);
    await tellAll(world, [memberCreated()]);
    await deliverDue(world.engine);
    const [{ status, attempts }] = await deliveriesOf(world, id);
    expect(status).toBe("pending");
    expect(attempts).toMatchObject([{ status: null, error: word, said: "" }]);
  });

  test("is ended by a signal, and keeps 200 characters of the answer at most and no secret", async () => {
    const world = await open();
    const { id, secret } = await makeEndpoint(world);
    let hasSignal = false;
    world.receiver.reply = (_, signal) => {
      hasSignal = signal instanceof AbortSignal;
      return new Response(`wrong\n\u0000secret ${secret} (${secret.slice(6)}) ${"🎟".repeat(500)}`, { status: 400 });
    };
    await tellAll(world, [memberCreated()]);
    await deliverDue(world.engine);
    expect(hasSignal).toBe(true);
    const [{ attempts }] = await deliveriesOf(world, id);
    const { said } = attempts[0];
    expect(said).toMatch(/^wrong secret \*\*\* \(\*\*\*\) 🎟/u);
    expect(said.length).toBeLessThanOrEqual(200);
  });

  test("reads no more than a few KiB of an answer without end", async () => {
    const world = await open();
    await makeEndpoint(world);
    let chunks = 0;
    let cancelled = false;
    const endless = new ReadableStream({
      pull(controller) {
        chunks += 1;
        controller.enqueue(new Uint8Array(1024).fill(97));
      },
      cancel() {
        cancelled = true;
      },
    });
    world.receiver.reply = () => new Response(endless, { status: 200 });
    await tellAll(world, [memberCreated()]);
    await deliverDue(world.engine);
    expect(chunks).toBeLessThan(8);
    expect(cancelled).toBe(true);
  });

  test("is none when the answer was 2xx and its body broke off", async () => {
    const world = await open();
    const { id } = await makeEndpoint(world);
    const broken = new ReadableStream({ pull: (controller) => controller.error(new Error("gone")) });
    world.receiver.reply = () => new Response(broken, { status: 200 });
    await tellAll(world, [memberCreated()]);
    await deliverDue(world.engine);
    expect((await deliveriesOf(world, id))[0].status).toBe("delivered");
  });
});

function coded(code: string): Error {
  return Object.assign(new Error(code), { code });
}
