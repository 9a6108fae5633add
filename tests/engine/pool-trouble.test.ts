import { spawn } from "node:child_process";
import { join } from "node:path";
import { text as textOfStream } from "node:stream/consumers";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { createProcessPool } from "../../engine/sandbox/process-pool.ts";
import type { Json } from "../../schemas/json.ts";
import { moduleOf, runSource, smallBudgets } from "../contracts/sandbox.ts";
import { open, stuck, text, twoCalls } from "./pool-runs.ts";
import { sandboxChildren } from "./sandbox-children.ts";

describe("the pool, when something is wrong,", () => {
  test.each([
    ["end at once", 5000, /ran out of memory/],
    ["hang", 20_000, /was not ready after 300 ms/],
  ])("says once that its processes %s when they are started, and tells the runs that wait", async (_, kib, why) => {
    const told: string[] = [];
    const onTrouble = (what: string) => told.push(what);
    const sandbox = createProcessPool({ processes: 1, writableKib: kib, startMs: 300, onTrouble });
    onTestFinished(() => sandbox.close());
    const { outcome } = await runSource(sandbox, "export default () => 1;", { budgets: { wallMs: 3000 } });
    expect(outcome).toMatchObject({ kind: "host-failure", reason: "no-process", message: expect.stringMatching(why) });
    expect(told).toEqual([expect.stringMatching(why)]);
    const later = await runSource(sandbox, "export default () => 1;", { budgets: { wallMs: 3000 } });
    expect(later.outcome).toEqual(outcome);
    expect(later.wallMs).toBeLessThan(1000);
    expect(await sandbox.ready()).toBe(false);
  });

  test("ends a process whose run was cancelled and does not come back", async () => {
    const sandbox = await open({ processes: 1 });
    const cancelled = new AbortController();
    const job = { runId: "stuck", tenant: "stuck", module: await moduleOf(stuck), input: {}, budgets: smallBudgets };
    const running = sandbox.run({ ...job, signal: cancelled.signal }, async () => text("A"));
    setTimeout(() => cancelled.abort(), 50);
    expect((await running).outcome.kind).toBe("cancelled");
    await vi.waitUntil(async () => (await sandbox.stats()).processesEnded.overdue === 1, { timeout: 5000 });
  });

  test("ends no process for being late for want of a core, and keeps what its run had logged", async () => {
    const sandbox = await open({ processes: 1 });
    const signal = (name: NodeJS.Signals) => {
      for (const pid of sandboxChildren()) process.kill(pid, name);
    };
    const looping = runSource(sandbox, 'export default () => { console.log("before"); for (;;); };', {
      budgets: { cpuMs: 400, wallMs: 10_000 },
    });
    // its limit is at 610 ms by the clock, and the process is given up at 1370
    await new Promise((resolve) => setTimeout(resolve, 550));
    signal("SIGSTOP");
    setTimeout(signal, 350, "SIGCONT");
    const { outcome, logs } = await looping;
    expect([outcome.kind, logs.map(({ message }) => message)]).toEqual(["cpu-exceeded", ["before"]]);
    expect((await sandbox.stats()).processesEnded).toMatchObject({ overdue: 0, killed: 0 });
  });

  test("blames a loop in native code whose wall time is far below its CPU time", async () => {
    const sandbox = await open({ processes: 1 });
    const { outcome } = await runSource(sandbox, stuck, { budgets: { cpuMs: 500, wallMs: 100 } });
    expect(outcome.kind).toBe("timed-out");
    expect((await sandbox.stats()).processesEnded).toMatchObject({ overdue: 1, killed: 0 });
  });

  test("ends every run whose host does not answer at its wall", async () => {
    const sandbox = await open({ processes: 1 });
    const silent = () => new Promise<never>(() => {});
    const input = { text: "x".repeat(100_000) };
    const runs = Array.from({ length: 30 }, (_, i) =>
      runSource(sandbox, twoCalls, { input, host: silent, tenant: `tenant ${i}`, budgets: { wallMs: 40 + i } }),
    );
    const kinds = new Set((await Promise.all(runs)).map(({ outcome }) => outcome.kind));
    expect([...kinds].toSorted()).toEqual(expect.arrayContaining(["timed-out"]));
    expect((await sandbox.stats()).runsUnderWay).toBe(0);
  });

  test("keeps nothing of runs that have ended, however short and many they are", async () => {
    const sandbox = await open({ processes: 1 });
    const module = await moduleOf("export default () => 1;");
    const heldBefore = process.memoryUsage().heapUsed;
    for (let i = 0; i < 2000; i += 1) {
      const input = { text: `${i} ${"x".repeat(50_000)}` };
      await sandbox.run({ runId: `run ${i}`, tenant: "short", module, input, budgets: smallBudgets }, async () =>
        text(""),
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 60));
    // all the inputs together are 100 MB
    expect(process.memoryUsage().heapUsed - heldBefore).toBeLessThan(60 << 20);
  });

  test("cannot be given what cannot be written, and says so", async () => {
    const sandbox = await open({ processes: 1 });
    let deep: Json = 1;
    for (let i = 0; i < 20_000; i += 1) deep = { toJSON: 0, deep };
    const ended = await runSource(sandbox, "export default () => 1;", { input: { deep } });
    expect(ended.outcome).toMatchObject({ kind: "host-failure", reason: "protocol" });
    const source = `export default () => fetch("https://api.example/").then(() => 1, (error) => error.message);`;
    const answered = await runSource(sandbox, source, { host: async () => ({ ok: true, value: deep }) });
    expect(answered.outcome).toEqual({ kind: "returned", value: "the answer is no JSON" });
  });

  test("outlives a time without descriptors", async () => {
    const suite = join(import.meta.dirname, "../../engine/sandbox");
    const children = join(import.meta.dirname, "sandbox-children.ts");
    const program = `import { closeSync, openSync } from "node:fs";
      import { sandboxChildren } from ${JSON.stringify(children)};
      import { createProcessPool } from ${JSON.stringify(join(suite, "process-pool.ts"))};
      const told = [];
      const sandbox = createProcessPool({ processes: 1, onTrouble: (what) => told.push(what) });
      const until = async (is) => { while (!(await is())) await new Promise((resolve) => setTimeout(resolve, 10)); };
      await until(async () => (await sandbox.stats()).processes.filter(({ state }) => state === "ready").length === 2);
      const pids = sandboxChildren();
      const held = [];
      try { for (;;) held.push(openSync("/dev/null", "r")); } catch {}
      for (let i = 0; i < 4; i++) closeSync(held.pop());
      process.kill(pids[0], "SIGKILL");
      await until(() => told.length > 0);
      for (const one of held) closeSync(one);
      await until(() => sandbox.ready());
      await sandbox.close();
      console.log("ready again");`;
    const child = spawn(
      "/bin/sh",
      ["-c", 'ulimit -n 128 && exec "$0" --input-type=module -e "$1"', process.execPath, program],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    expect(await textOfStream(child.stdout)).toBe("ready again\n");
  });
});
