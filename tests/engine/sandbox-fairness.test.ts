import { afterEach, describe, expect, test, vi } from "vitest";
import { createRun } from "../../engine/sandbox/pool-run.ts";
import { createProcessPool, type ProcessPoolOptions } from "../../engine/sandbox/process-pool.ts";
import { createShares } from "../../engine/sandbox/shares.ts";
import { createWaitingRoom } from "../../engine/sandbox/waiting-room.ts";
import type { HostAnswer, HostCallHandler, Sandbox } from "../../engine/sandbox.ts";
import { moduleOf, runSource, smallBudgets } from "../contracts/sandbox.ts";

const opened: Sandbox[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((sandbox) => sandbox.close()));
});

async function open(options: ProcessPoolOptions): Promise<Sandbox> {
  const sandbox = createProcessPool(options);
  opened.push(sandbox);
  await vi.waitUntil(() => sandbox.ready(), { timeout: 20_000 });
  return sandbox;
}

const asks = 'export default async () => (await fetch("https://api.example/")).status;';
const never: HostCallHandler = () => new Promise<HostAnswer>(() => {});
const atOnce: HostCallHandler = async () => ({ ok: true, value: { status: 200, headers: {}, body: "" } });

describe("a method whose runs all wait for a host that does not answer", () => {
  test("leaves places to another", async () => {
    const sandbox = await open({ processes: 1, runsPerProcess: 4 });
    const crowd = Array.from({ length: 20 }, () => runSource(sandbox, asks, { tenant: "crowd", host: never }));
    const { outcome } = await runSource(sandbox, asks, { tenant: "other", host: atOnce });
    expect(outcome).toEqual({ kind: "returned", value: 200 });
    await sandbox.close();
    expect((await Promise.all(crowd)).map(({ outcome: { kind } }) => kind)).toEqual(Array(20).fill("cancelled"));
  });

  test("leaves room to wait, and is told that the sandbox is busy", async () => {
    const sandbox = await open({ processes: 1, runsPerProcess: 1, waitingRuns: 8 });
    const module = await moduleOf(asks);
    const run = (tenant: string, i: number, host: HostCallHandler) =>
      sandbox.run({ runId: `${tenant} ${i}`, tenant, module, input: {}, budgets: smallBudgets }, host);
    const settled: string[] = [];
    const crowd = Array.from({ length: 20 }, async (_, i) => {
      const { outcome } = await run("crowd", i, never);
      settled.push(outcome.kind === "host-failure" ? outcome.reason : outcome.kind);
    });
    const others = ["one", "two"].map((tenant, i) => run(tenant, i, atOnce));
    await vi.waitUntil(() => settled.length > 0);
    const turnedAway = settled.length;
    expect(settled).toEqual(Array(turnedAway).fill("busy"));
    await sandbox.close();
    await Promise.all(crowd);
    expect((await Promise.all(others)).map(({ outcome }) => outcome)).not.toContainEqual(
      expect.objectContaining({ reason: "busy" }),
    );
    expect(turnedAway).toBeGreaterThanOrEqual(12);
  });
});

describe("a method that holds its process for long", () => {
  const loops = "export default () => { for (;;); };";

  test("keeps to its own processes, so that others come through while it loops", async () => {
    const sandbox = await open({ processes: 2 });
    const known = await runSource(sandbox, loops, { tenant: "loops", budgets: { cpuMs: 60 } });
    expect(known.outcome.kind).toBe("cpu-exceeded");
    const loopsMade = 3;
    let looping = loopsMade;
    const longer = Array.from({ length: looping }, async () => {
      const run = await runSource(sandbox, loops, { tenant: "loops", budgets: { cpuMs: 1500, wallMs: 60_000 } });
      looping -= 1;
      return run.outcome.kind;
    });
    for (let i = 0; i < 50; i += 1) {
      const { outcome } = await runSource(sandbox, asks, { tenant: "other", host: atOnce });
      expect(outcome).toEqual({ kind: "returned", value: 200 });
    }
    expect(looping).toBe(loopsMade);
    expect(await Promise.all(longer)).toEqual(Array(loopsMade).fill("cpu-exceeded"));
  }, 60_000);

  test("has them back when it is alone", async () => {
    const sandbox = await open({ processes: 1 });
    await runSource(sandbox, loops, { tenant: "loops", budgets: { cpuMs: 60 } });
    const { outcome } = await runSource(sandbox, asks, { tenant: "loops", host: atOnce });
    expect(outcome).toEqual({ kind: "returned", value: 200 });
  });
});

describe("shares", () => {
  test("fade by half in a second, and a long slice is remembered for ten", () => {
    let nowMs = 0;
    const shares = createShares(() => nowMs);
    shares.charge("a", 30);
    shares.charge("a", 30);
    expect(shares.usedMs("a", 0)).toBe(60);
    expect(shares.usedMs("a", 2000)).toBe(15);
    expect(shares.usedMs("b", 0)).toBe(0);
    expect(shares.isHeavy("a")).toBe(false);
    shares.charge("a", 50);
    nowMs = 9999;
    expect(shares.isHeavy("a")).toBe(true);
    nowMs = 10_001;
    expect(shares.isHeavy("a")).toBe(false);
  });
});

describe("the waiting room", () => {
  const module = { codeHash: "x", script: "" };
  const runOf = (tenant: string, runId: string) => {
    const job = { runId, tenant, module, input: {}, budgets: smallBudgets };
    return createRun({ job, host: never, mode: "run", finish: () => {} });
  };

  test("takes tenants by rank and by turns, and each one's runs in order", () => {
    const room = createWaitingRoom();
    for (const [tenant, id] of [
      ["a", "a1"],
      ["a", "a2"],
      ["b", "b1"],
      ["c", "c1"],
    ] as const) {
      room.add(runOf(tenant, id));
    }
    room.addFirst(runOf("a", "a0"));
    expect(room.size()).toBe(5);
    expect(room.of("a")).toBe(3);
    const taken: (string | undefined)[] = [];
    for (let i = 0; i < 5; i += 1) {
      taken.push(room.next((tenant) => (tenant === "c" && i < 3 ? undefined : 0))?.job.runId);
    }
    expect(taken).toEqual(["a0", "b1", "a1", "c1", "a2"]);
    expect(room.next(() => 0)).toBeUndefined();
    expect(room.size()).toBe(0);
  });

  test("lets a run go that waits no longer", () => {
    const room = createWaitingRoom();
    const [one, two] = [runOf("a", "one"), runOf("a", "two")];
    room.add(one);
    room.add(two);
    expect(room.remove(one)).toBe(true);
    expect(room.remove(one)).toBe(false);
    expect(room.next(() => 0)).toBe(two);
    expect(room.size()).toBe(0);
  });
});
