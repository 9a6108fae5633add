import { afterEach, expect, test, vi } from "vitest";
import { scheduleTasks } from "../../api/node-tasks.ts";
import { sessionFor } from "../fakes/sales.ts";
import { behind, rowOf, taskIn } from "../fakes/tasks.ts";
import { createWorld, type World, type WorldOptions } from "../fakes/world.ts";

const worlds: World[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const world of worlds.splice(0).reverse()) await world.close();
});

async function open(options: WorldOptions = {}): Promise<World> {
  const world = await createWorld(options);
  worlds.push(world);
  return world;
}

/** The clock that the schedule goes by, from a moment on. */
function clockFrom(time: string): (ms: number) => Promise<unknown> {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"], now: Date.parse(time) });
  return (ms) => vi.advanceTimersByTimeAsync(ms);
}

test("a server reconciles each minute and prunes each hour", async () => {
  const world = await open();
  const pass = clockFrom("2026-03-01T12:58:30Z");
  const schedule = scheduleTasks(world.engine);
  await pass(29_000);
  expect([await rowOf(world, "reconcile"), await rowOf(world, "prune")]).toEqual([undefined, undefined]);
  await pass(1_000);
  await vi.waitFor(async () => expect((await taskIn(world, "reconcile")).outcome).toMatchObject({ ok: true }));
  expect(await rowOf(world, "prune")).toBeUndefined();
  world.clock.advance(60_000);
  await pass(60_000);
  await vi.waitFor(async () => expect((await taskIn(world, "prune")).outcome).toMatchObject({ ok: true }));
  await vi.waitFor(async () => expect((await taskIn(world, "reconcile")).startedAt).toBe("2026-03-01T12:01:00.000Z"));
  await schedule.stop();
  expect(world.faults).toEqual([]);
});

test("a schedule that is stopped begins no more, and waits until what is under way has been written", async () => {
  const first = await open();
  for (let n = 0; n < 20; n++) await sessionFor(first, { userIdentifier: `reader-${n}@example.com` });
  const { promise, resolve } = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  const stripe = behind(first.stripe, async ({ url }) => {
    if (!url.includes("/v1/checkout/sessions/")) return null;
    reached.resolve();
    await promise;
    return null;
  });
  const world = await open({ file: first.file, stripe });
  world.clock.advance(120_000);
  const pass = clockFrom("2026-03-01T12:00:59Z");
  const schedule = scheduleTasks(world.engine);
  await pass(1000);
  await reached.promise;
  const stopped = schedule.stop();
  resolve();
  await stopped;
  const outcome = { ok: false, counts: { asked: 4, open: 4 }, failures: ["It was stopped before its end"] };
  expect(await rowOf(world, "reconcile")).toMatchObject({ leaseUntil: 0, outcome });
  world.clock.advance(60_000);
  await pass(60_000);
  expect((await taskIn(world, "reconcile")).startedAt).toBe("2026-03-01T12:02:00.000Z");
});

test("a run that the database refuses is told to the log, and the next one comes", async () => {
  const world = await open();
  const locked = () => Promise.reject(new Error("locked"));
  const broken = { ...world.engine, storage: { ...world.engine.storage, write: locked, writeOne: locked } };
  const pass = clockFrom("2026-03-01T12:30:59Z");
  const schedule = scheduleTasks(broken);
  await pass(1000);
  await vi.waitFor(() => expect(world.faults).toEqual(["the task reconcile could not be run: locked"]));
  await pass(60_000);
  await vi.waitFor(() => expect(world.faults).toHaveLength(2));
  await schedule.stop();
});
