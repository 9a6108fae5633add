import { eq } from "drizzle-orm";
import { afterEach, describe, expect, test, vi } from "vitest";
import { runTask, type TaskToRun } from "../../engine/tasks/lease.ts";
import { runDueTasks, runScheduled } from "../../engine/tasks/tasks.ts";
import { tasks } from "../../schemas/tables.ts";
import { ask } from "../fakes/requests.ts";
import { rowOf, runTaskIn, taskIn } from "../fakes/tasks.ts";
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

/** Two servers on one database. */
async function pair(): Promise<[World, World]> {
  const first = await open();
  return [first, await open({ file: first.file, stripe: first.stripe })];
}

const never = new AbortController().signal;

/** A task of the tests' own, which goes through the same lease. */
function task(work: TaskToRun["work"], more: Partial<TaskToRun> = {}): TaskToRun {
  return { name: "dream", work, onceSinceMs: null, signal: never, ...more };
}

const idle = async () => undefined;

/** Work that goes on until it is told to end. */
function held() {
  const { promise, resolve } = Promise.withResolvers<void>();
  const began = Promise.withResolvers<void>();
  const work = async () => {
    began.resolve();
    await promise;
  };
  return { work, end: resolve, began: began.promise };
}

describe("of two servers on one database", () => {
  test("one runs a scheduled task, however often both try at once", async () => {
    const both = await pair();
    const tries = Array.from({ length: 60 }, (_, i) => runScheduled((both[i % 2] ?? both[0]).engine, "reconcile"));
    const results = await Promise.all(tries);
    expect(results.filter(({ ran }) => ran)).toHaveLength(1);
    for (const world of both) world.clock.advance(60_000);
    const next = await Promise.all(both.map(({ engine }) => runScheduled(engine, "reconcile")));
    expect(next.filter(({ ran }) => ran)).toHaveLength(1);
  });

  test("none begins what the other is at, and the answer says since when", async () => {
    const [first, second] = await pair();
    const { work, end, began } = held();
    const running = runTask(first.engine, task(work, { name: "prune" }));
    await began;
    second.clock.advance(5000);
    const { status, body } = await runTaskIn(second, "prune");
    expect(status).toBe(200);
    const startedAt = "2026-03-01T12:00:00.000Z";
    expect(body).toEqual({
      status: "success",
      task: "prune",
      ran: false,
      startedAt,
      finishedAt: null,
      outcome: null,
    });
    expect(await taskIn(second, "prune")).toMatchObject({ state: "running", startedAt, finishedAt: null });
    end();
    await running;
    expect((await runTaskIn(second, "prune")).body).toMatchObject({ ran: true, outcome: { ok: true } });
  });

  test("the other takes over after the lease when one dies, in the same interval too, and the dead one settles nothing", async () => {
    const [first, second] = await pair();
    const dead = held();
    const died = runTask(first.engine, task(dead.work, { name: "prune", onceSinceMs: 0 }));
    await dead.began;
    second.clock.advance(44_999);
    expect(await runScheduled(second.engine, "prune")).toMatchObject({ ran: false });
    second.clock.advance(1);
    expect(await taskIn(second, "prune")).toMatchObject({ state: "interrupted" });
    expect(await runScheduled(second.engine, "prune")).toMatchObject({ ran: true, outcome: { ok: true } });
    const after = await rowOf(second, "prune");
    dead.end();
    await died;
    expect(await rowOf(second, "prune")).toEqual(after);
  });
});

test("a lease is renewed while the work goes on, and work that lost it is told to end", async () => {
  const [first, second] = await pair();
  const { work, end, began } = held();
  const told = Promise.withResolvers<void>();
  // of the real clock nothing but the pulse of renewals
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const running = runTask(
    first.engine,
    task((_engine, { signal }) => {
      signal.addEventListener("abort", () => told.resolve());
      return work();
    }),
  );
  await began;
  first.clock.advance(44_000);
  vi.advanceTimersByTime(15_000);
  await expect.poll(async () => (await rowOf(first, "dream"))?.leaseUntil).toBe(first.clock.now() + 45_000);
  second.clock.advance(60_000);
  expect(await runTask(second.engine, task(idle))).toMatchObject({ ran: false });
  second.clock.advance(60_000);
  expect(await runTask(second.engine, task(idle))).toMatchObject({ ran: true });
  vi.advanceTimersByTime(15_000);
  await told.promise;
  end();
  const failures = [expect.stringContaining("another server took over")];
  expect(await running).toMatchObject({ ran: true, outcome: { ok: false, failures } });
  expect(await rowOf(first, "dream")).toMatchObject({ outcome: { ok: true } });
});

test("work that throws is an outcome in words, told to the log once, and the task may be run again at once", async () => {
  const world = await open();
  const broken = task(async (_engine, run) => {
    run.count("asked", 3);
    throw new Error("SELECT secret FROM somewhere");
  });
  for (let i = 0; i < 3; i++) {
    const failures = ["dream: a fault of this server, its log says more"];
    expect(await runTask(world.engine, broken)).toMatchObject({
      ran: true,
      outcome: { ok: false, counts: { asked: 3 }, failures },
    });
  }
  const summaries = world.faults.splice(0).filter((fault) => fault.startsWith("the task dream did not do everything"));
  expect(summaries).toHaveLength(1);
});

test("work that is stopped says so, and its lease is over", async () => {
  const world = await open();
  const stopping = new AbortController();
  const { work, end, began } = held();
  const running = runTask(world.engine, task(work, { signal: stopping.signal }));
  await began;
  stopping.abort();
  end();
  expect(await running).toMatchObject({ outcome: { ok: false, failures: ["It was stopped before its end"] } });
  expect(await rowOf(world, "dream")).toMatchObject({ leaseUntil: 0 });
  expect(world.faults).toEqual([]);
});

test("a runtime without a clock of its own runs what is due: the one each minute, the other each hour", async () => {
  const world = await open();
  const startsOf = async () => {
    const rows = await world.engine.storage.db.select().from(tasks);
    return Object.fromEntries(
      rows.map(({ name, startedAt }) => [name, new Date(startedAt).toISOString().slice(11, 16)]),
    );
  };
  await runDueTasks(world.engine);
  expect(await startsOf()).toEqual({ prune: "12:00", reconcile: "12:00" });
  world.clock.advance(30_000);
  await runDueTasks(world.engine);
  expect(await startsOf()).toEqual({ prune: "12:00", reconcile: "12:00" });
  world.clock.advance(30_000);
  await runDueTasks(world.engine);
  expect(await startsOf()).toEqual({ prune: "12:00", reconcile: "12:01" });
  world.clock.advance(59 * 60_000);
  await runDueTasks(world.engine);
  expect(await startsOf()).toEqual({ prune: "13:00", reconcile: "13:00" });
});

describe("the management API", () => {
  test("lists tasks that have never run, and then how they went", async () => {
    const world = await open();
    expect(await taskIn(world, "reconcile")).toEqual({
      name: "reconcile",
      description: expect.any(String),
      pattern: "* * * * *",
      state: "idle",
      startedAt: null,
      finishedAt: null,
      outcome: null,
    });
    const { body } = await runTaskIn(world, "reconcile");
    expect(body).toMatchObject({ ran: true, outcome: { ok: true, counts: { asked: 0, events: 0 }, failures: [] } });
    const { startedAt, finishedAt, outcome } = body;
    expect(await taskIn(world, "reconcile")).toMatchObject({ state: "idle", startedAt, finishedAt, outcome });
  });

  test("does not know a task that is none", async () => {
    const world = await open();
    const { status, body } = await runTaskIn(world, "toString");
    expect([status, body.code]).toEqual([404, "task_not_found"]);
    expect(await world.engine.storage.db.$count(tasks)).toBe(0);
  });

  test("runs nothing for an API key, and nothing for nobody", async () => {
    const world = await open();
    for (const key of [null, world.secretKey, world.publicKey]) {
      expect((await ask(world, "POST", "/api/v1/manage/tasks/prune/run", { key })).body.code).toBe(
        "invalid_admin_token",
      );
    }
    expect(await world.engine.storage.db.select().from(tasks).where(eq(tasks.name, "prune"))).toEqual([]);
  });

  test("ends a run whose caller has gone", async () => {
    const world = await open();
    const gone = new AbortController();
    gone.abort();
    const request = new Request("http://scrip.test/api/v1/manage/tasks/prune/run", {
      method: "POST",
      headers: { authorization: `Bearer ${world.adminToken}` },
      signal: gone.signal,
    });
    const answer = await (await world.app.request(request)).text();
    expect(answer).toContain("It was stopped before its end");
    expect(await rowOf(world, "prune")).toMatchObject({ leaseUntil: 0 });
  });
});
