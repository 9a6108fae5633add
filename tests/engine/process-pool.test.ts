import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { createProcessPool } from "../../engine/sandbox/process-pool.ts";
import type { Rest } from "../../engine/sandbox.ts";
import { moduleOf, runSource, smallBudgets } from "../contracts/sandbox.ts";
import { expectedOutcomes, open, stuck, text, twoCalls, waitingHost, waitingRuns } from "./pool-runs.ts";
import { isAlive, sandboxChildren } from "./sandbox-children.ts";

describe("the pool", () => {
  test("turns a run away when too many wait, and says so", async () => {
    const sandbox = await open({ processes: 1, runsPerProcess: 1, waitingRuns: 1 });
    const { calls, handler, release } = waitingHost();
    const module = await moduleOf(twoCalls);
    const run = (i: number) =>
      sandbox.run({ runId: `run ${i}`, tenant: "one", module, input: { i }, budgets: smallBudgets }, handler);
    const first = run(0);
    await vi.waitUntil(() => calls.length === 2);
    expect(await sandbox.ready()).toBe(false);
    const second = run(1);
    const third = await run(2);
    expect(third.outcome).toMatchObject({ kind: "host-failure", reason: "busy" });
    release();
    expect((await first).outcome.kind).toBe("returned");
    expect((await second).outcome.kind).toBe("returned");
  });

  test("lets a workflow rest that keeps ending processes, and no other", async () => {
    const sandbox = await open({ processes: 1, breaker: { kills: 2, withinMs: 60_000, restMs: 60_000 } });
    const budgets = { cpuMs: 20 };
    for (let i = 0; i < 2; i += 1) {
      const { outcome } = await runSource(sandbox, stuck, { tenant: "crashing", budgets });
      expect(outcome.kind).toBe("cpu-exceeded");
    }
    const rested = await runSource(sandbox, stuck, { tenant: "crashing", budgets });
    expect(rested.outcome).toMatchObject({ kind: "host-failure", reason: "resting" });
    const { retryAfterMs = 0 } = rested.outcome.kind === "host-failure" ? rested.outcome : {};
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
    const other = await runSource(sandbox, "export default () => 1;", { tenant: "other" });
    expect(other.outcome.kind).toBe("returned");
  });

  test("counts the CPU time of many short slices as that of one long one", async () => {
    const sandbox = await open({ processes: 1 });
    const spin = "let sum = 0; for (let i = 0; i < 2e4; i++) sum += i % 7;";
    const short = `export default async () => {
      for (let turn = 0; turn < 100; turn++) { ${spin} await new Promise((resolve) => setTimeout(resolve, 0)); }
      return "done";
    };`;
    const long = `export default async () => { for (let turn = 0; turn < 100; turn++) { ${spin} } return "done"; };`;
    const budgets = { cpuMs: 5000, wallMs: 20_000 };
    const [sliced, whole] = [await runSource(sandbox, short, { budgets }), await runSource(sandbox, long, { budgets })];
    expect(sliced.outcome.kind).toBe("returned");
    expect(sliced.cpuMs).toBeGreaterThan(whole.cpuMs * 0.8);
  });

  test("uses one isolate for a thousand runs", async () => {
    const sandbox = await open({ processes: 1 });
    const module = await moduleOf(twoCalls);
    const kinds = new Set<string>();
    for (let i = 0; i < 1000; i += 1) {
      const job = { runId: `run ${i}`, tenant: "warm", module, input: { i }, budgets: smallBudgets };
      const { outcome } = await sandbox.run(job, async () => text("A"));
      kinds.add(outcome.kind);
    }
    expect([...kinds]).toEqual(["returned"]);
  });

  test("says what its processes hold, and a thousand runs and errors leave no more behind", async () => {
    const sandbox = await open({ processes: 1 });
    const sources = [twoCalls, "export default () => { throw new Error() };", "export default () => () => {};"];
    const modules = await Promise.all(sources.map(moduleOf));
    const broken = { codeHash: "broken", script: "nope nope" };
    const held: number[] = [];
    for (let i = 0; i < 1000; i += 1) {
      const module = [...modules, broken][i % 4] ?? broken;
      const budgets = { ...smallBudgets, cpuMs: 2000 };
      const job = { runId: `run ${i}`, tenant: "warm", module, input: { i }, budgets };
      await sandbox.run(job, async () => text("A"));
      if (i % 100 === 99) held.push((await sandbox.stats()).processes[0]?.handles ?? -1);
    }
    expect(new Set(held)).toEqual(new Set([held[0]]));
    const { processes, runsEnded } = await sandbox.stats();
    expect(processes).toEqual([
      {
        state: "ready",
        spare: false,
        runs: 0,
        idleIsolates: 4,
        liveIsolates: 0,
        handles: held[0],
        residentBytes: expect.any(Number),
      },
      expect.objectContaining({ spare: true, idleIsolates: 0, liveIsolates: 0, handles: 0 }),
    ]);
    expect(runsEnded).toMatchObject({ returned: 250, threw: 500, refused: 250 });
  });

  test("releases what runs held that were ended by force, in a process that lives on", async () => {
    const sandbox = await open({ processes: 1, idleIsolates: 0 });
    const looping = "export default () => { for (;;); };";
    const swelling = "export default () => { const all = []; for (;;) all.push(new Array(1e5).fill(all.length)); };";
    for (const source of [looping, swelling, looping, swelling]) {
      const { outcome } = await runSource(sandbox, source, { budgets: { cpuMs: 60 } });
      expect(["cpu-exceeded", "out-of-memory"]).toContain(outcome.kind);
    }
    const { processes } = await sandbox.stats();
    expect(processes).toMatchObject([{ handles: 0, idleIsolates: 0, liveIsolates: 0 }, { handles: 0 }]);
  });

  test("has a process make way for a new one after so many isolates, and no run is the worse for it", async () => {
    const sandbox = await open({ processes: 1, idleIsolates: 1, isolatesPerProcess: 5 });
    const before = sandboxChildren();
    const { runs, waiting, release } = waitingRuns(sandbox);
    await waiting;
    // the five isolates of the runs that wait are the last of this process; this run is the first to leave it
    await runSource(sandbox, "export default () => 1;");
    await vi.waitUntil(async () => (await sandbox.stats()).processes.length === 3);
    for (let i = 0; i < 3; i += 1) {
      expect((await runSource(sandbox, `export default () => ${i};`)).outcome).toEqual({ kind: "returned", value: i });
    }
    expect((await sandbox.stats()).processesEnded.retired).toBe(0);
    release();
    expect((await Promise.all(runs)).map(({ outcome }) => outcome)).toEqual(expectedOutcomes);
    await vi.waitUntil(async () => (await sandbox.stats()).processesEnded.retired === 1);
    expect(await sandbox.stats()).toMatchObject({ runsReplayed: 0, processes: [{ spare: false }, { spare: true }] });
    expect(before.some((pid) => !isAlive(pid))).toBe(true);
  });

  test("tells of a busy process by the numbers that it last gave", async () => {
    const sandbox = await open({ processes: 1 });
    await runSource(sandbox, "export default () => 1;");
    const idle = await sandbox.stats();
    const module = await moduleOf("export default () => { for (;;); };");
    const job = { runId: "busy", tenant: "busy", module, input: {}, budgets: { ...smallBudgets, cpuMs: 1000 } };
    const busy = sandbox.run(job, async () => text("A"));
    const during = await sandbox.stats();
    expect(during).toMatchObject({ runsUnderWay: 1, processes: [{ runs: 1, liveIsolates: 0, idleIsolates: 1 }, {}] });
    expect(during.processes[0]?.handles).toBe(idle.processes[0]?.handles);
    expect((await busy).outcome.kind).toBe("cpu-exceeded");
  });

  test("counts the processes that end and the runs that are replayed, and tells once of a tenant that rests", async () => {
    const told: Rest[] = [];
    const breaker = { kills: 2, withinMs: 60_000, restMs: 60_000 };
    const sandbox = await open({ processes: 1, breaker, onRest: (rest) => told.push(rest) });
    const { runs, waiting, release } = waitingRuns(sandbox);
    await waiting;
    for (let i = 0; i < 3; i += 1) await runSource(sandbox, stuck, { tenant: "crashing", budgets: { cpuMs: 100 } });
    release();
    await Promise.all(runs);
    const stats = await sandbox.stats();
    expect(stats.processesEnded).toMatchObject({ overdue: 2, crashed: 0, killed: 0 });
    expect(stats.runsReplayed).toBe(10);
    expect(stats.hostFailures).toMatchObject({ resting: 1, busy: 0 });
    expect(stats.restsBegun).toBe(1);
    expect(stats.resting).toEqual([{ tenant: "crashing", kills: 2, leftMs: expect.any(Number) }]);
    expect(sandbox.resting()).toMatchObject([{ tenant: "crashing", kills: 2 }]);
    expect(told).toEqual([{ tenant: "crashing", kills: 2, leftMs: 60_000 }]);
  });

  test("ends its runs as cancelled and leaves no process when it is closed", async () => {
    const sandbox = await open({ processes: 2 });
    const { runs, waiting } = waitingRuns(sandbox);
    await waiting;
    expect(sandboxChildren().length).toBeGreaterThanOrEqual(2);
    await sandbox.close();
    expect((await Promise.all(runs)).map(({ outcome }) => outcome.kind)).toEqual(Array(5).fill("cancelled"));
    expect(sandboxChildren()).toEqual([]);
    expect(await sandbox.ready()).toBe(false);
    expect((await runSource(sandbox, "export default () => 1;")).outcome.kind).toBe("cancelled");
  });

  test("can be closed before it has started", async () => {
    await createProcessPool({ processes: 2 }).close();
    expect(sandboxChildren()).toEqual([]);
  });

  test.each([
    ["idle", ""],
    ["looping in native code", stuck],
  ])("leaves no process behind when its own process is killed, its sandbox processes %s", async (_how, source) => {
    const suite = join(import.meta.dirname, "../../engine/sandbox");
    const script = source && (await moduleOf(source)).script;
    const program = `import { createProcessPool } from ${JSON.stringify(join(suite, "process-pool.ts"))};
      const sandbox = createProcessPool({ processes: 2 });
      while (!(await sandbox.ready())) await new Promise((resolve) => setTimeout(resolve, 10));
      const module = { codeHash: "stuck", script: ${JSON.stringify(script)} };
      const budgets = ${JSON.stringify({ ...smallBudgets, cpuMs: 10_000, wallMs: 10_000 })};
      if (module.script) for (const runId of ["a", "b"]) void sandbox.run({ runId, tenant: "t", module, input: {}, budgets });
      setTimeout(() => console.log("ready"), 300);`;
    const parent = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(parent.stdout, "data");
    const children = sandboxChildren(parent.pid);
    expect(children.length).toBeGreaterThanOrEqual(2);
    parent.kill("SIGKILL");
    await vi.waitUntil(() => !children.some(isAlive), { timeout: 10_000 });
  });
});
