import { afterEach, describe, expect, test } from "vitest";
import { createProcessPool, type ProcessPoolOptions } from "../../engine/sandbox/process-pool.ts";
import { type Answer, ask, decideFor, redeemAs } from "../fakes/requests.ts";
import { method, sampleConfig } from "../fakes/sample-config.ts";
import { createWorld, type World } from "../fakes/world.ts";
import { eventOf, expectRefusal } from "./answers.ts";

/** Loops inside one of V8's own functions, where only the end of its process stops it. */
const stuck = "export default () => Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1);";
const stuckAtOnce = "Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1); export default () => 1;";
const fine = "export default () => ({ success: true });";
const buyer = (i: number | string) => ({ userIdentifier: `buyer-${i}@example.com` });
const methods = "/api/v1/manage/environments/env_preview/redemption-methods";

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

/** A world with the methods `bad` and `good`, in which two processes ended make a method rest. */
async function openWorld(bad: string, options: ProcessPoolOptions = {}): Promise<World> {
  const sandbox = createProcessPool({
    processes: 1,
    breaker: { kills: 2, withinMs: 60_000, restMs: 90_000 },
    ...options,
  });
  const world = await createWorld({
    sandbox,
    config: () => ({
      ...sampleConfig(),
      redemptionMethods: [method("bad", bad), method("good", fine)],
      offers: ["bad", "good"].map((slug) => ({ slug, name: slug, method: slug })),
      experiences: ["bad", "good"].map((slug) => ({ slug, type: "html", html: "", offers: [slug] })),
      surfaces: ["bad", "good"].map((slug) => ({
        slug,
        components: [{ slug: "c", slots: [{ key: "s", experience: slug }] }],
      })),
      budgets: { cpuMs: 200, wallMs: 8000 },
    }),
  });
  worlds.push(world);
  return world;
}

async function redeem(world: World, slug: string, i: number | string): Promise<Answer> {
  const { body } = await decideFor(world, buyer(i), { surfaceSlug: slug });
  return redeemAs(world, buyer(i), body.offers[0].token);
}

const manage = (world: World, path: string, body?: unknown, verb = "POST") =>
  ask(world, verb, path, { key: world.adminToken, body });
const list = async (world: World) => (await ask(world, "GET", methods, { key: world.adminToken })).body;

function expectRetryAfter(answer: Answer, from: number, to: number): void {
  const seconds = Number(answer.headers.get("retry-after"));
  expect(Number.isInteger(seconds)).toBe(true);
  expect(seconds).toBeGreaterThanOrEqual(from);
  expect(seconds).toBeLessThanOrEqual(to);
}

describe("a method whose runs keep ending processes", () => {
  test("rests: 503 with the seconds left, an event that says so, and others are not touched", async () => {
    const world = await openWorld(stuck);
    for (const i of [1, 2]) expect((await redeem(world, "bad", i)).status).toBe(531);
    const answer = await redeem(world, "bad", 3);
    expectRefusal(answer, { status: 503, code: "sandbox_busy", event: true });
    expectRetryAfter(answer, 60, 90);
    const event = await eventOf(world, answer.body.eventId);
    expect(event.status).toBe("sandbox_busy");
    expect(event.data.run).toMatchObject({
      outcome: "host-failure",
      verdict: { kind: "unavailable", cause: "resting", retryAfterSeconds: expect.any(Number) },
      hostCalls: [],
    });
    expect(event.data.response).toMatchObject({ status: 503, body: { statusCode: 503, code: "sandbox_busy" } });
    expect((await redeem(world, "good", 4)).status).toBe(200);
  });

  test("is shown as resting to the operator, and the others are not", async () => {
    const world = await openWorld(stuck);
    expect((await list(world)).methods).toMatchObject([
      { slug: "bad", resting: null },
      { slug: "good", resting: null },
    ]);
    for (const i of [1, 2]) await redeem(world, "bad", i);
    const { status, version, budgets, methods: shown } = await list(world);
    expect({ status, version, budgets }).toMatchObject({ status: "success", version: 2, budgets: { cpuMs: 200 } });
    expect(shown).toMatchObject([
      { slug: "bad", resting: { until: expect.any(String), kills: 2 } },
      { slug: "good", resting: null },
    ]);
    const leftMs = Date.parse(shown[0].resting.until) - world.clock.now();
    expect(leftMs).toBeGreaterThan(60_000);
    expect(leftMs).toBeLessThanOrEqual(90_000);
  });

  test("can be tried with a mended workflow while it rests", async () => {
    const world = await openWorld(stuck);
    for (const i of [1, 2]) await redeem(world, "bad", i);
    const tried = await manage(world, `${methods}/bad/try`, { workflow: fine });
    expect(tried.body).toMatchObject({ status: "success", run: { outcome: "returned" } });
  });
});

describe("a draft that keeps ending processes", () => {
  test("puts its tries to rest, with an event, and never what is in force", async () => {
    const world = await openWorld(fine);
    for (const _ of [1, 2]) {
      const tried = await manage(world, `${methods}/bad/try`, { workflow: stuck });
      expect(tried.body).toMatchObject({ run: { outcome: "cpu-exceeded" } });
    }
    const refused = await manage(world, `${methods}/bad/try`, { workflow: stuck });
    expectRefusal(refused, { status: 503, code: "sandbox_busy", event: true });
    expect(refused.body.message).toContain("resting");
    expectRetryAfter(refused, 60, 90);
    expect((await redeem(world, "bad", 1)).status).toBe(200);
    expect((await list(world)).methods).toMatchObject([{ resting: null }, { resting: null }]);
  });

  test("is not checked again and again: 503 with the seconds left", async () => {
    const world = await openWorld(fine);
    // an inspection has the default budgets, whatever those of the environment are
    for (const _ of [1, 2]) {
      const checked = await manage(world, `${methods}/bad/check`, { workflow: stuckAtOnce });
      expect(checked.body).toMatchObject({ ok: false, issues: [{ message: expect.stringContaining("cpu-exceeded") }] });
    }
    const refused = await manage(world, `${methods}/bad/check`, { workflow: stuckAtOnce });
    expectRefusal(refused, { status: 503, code: "sandbox_busy" });
    expectRetryAfter(refused, 60, 90);
    const document = { ...sampleConfig(), redemptionMethods: [method("stripe-checkout", stuckAtOnce)] };
    const pushed = await manage(world, "/api/v1/manage/environments/env_preview/config", document, "PUT");
    expectRefusal(pushed, { status: 503, code: "sandbox_busy" });
    expectRetryAfter(pushed, 60, 90);
  });
});

describe("a sandbox without a place", () => {
  const slow = "export default () => new Promise((done) => setTimeout(done, 1000, { success: true }));";

  test("answers 503 with Retry-After to a redemption, a try and a check", async () => {
    const world = await openWorld(slow, { runsPerProcess: 1, waitingRuns: 1 });
    const under = ["running", "waiting"].map((who) => redeem(world, "bad", who));
    await expect.poll(() => world.engine.sandbox.stats()).toMatchObject({ runsUnderWay: 1, runsWaiting: 1 });
    const redeemed = await redeem(world, "good", 1);
    const tried = await manage(world, `${methods}/good/try`, {});
    const checked = await manage(world, `${methods}/good/check`, { workflow: fine });
    expectRefusal(redeemed, { status: 503, code: "sandbox_busy", event: true });
    expectRefusal(tried, { status: 503, code: "sandbox_busy", event: true });
    expectRefusal(checked, { status: 503, code: "sandbox_busy" });
    for (const answer of [redeemed, tried, checked]) expectRetryAfter(answer, 1, 1);
    const event = await eventOf(world, redeemed.body.eventId);
    expect(event.data.run.verdict).toMatchObject({ kind: "unavailable", cause: "busy" });
    for (const answer of await Promise.all(under)) expect(answer.status).toBe(200);
    expect((await redeem(world, "good", 1)).status).toBe(200);
  });
});
