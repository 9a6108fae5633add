import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createProcessPool, type ProcessPoolOptions } from "../../engine/sandbox/process-pool.ts";
import type { HostAnswer, HostCall, Rest, Sandbox } from "../../engine/sandbox.ts";
import { moduleOf, recordingHost, runSource, smallBudgets } from "../contracts/sandbox.ts";
import { isAlive, sandboxChildren } from "./sandbox-children.ts";

/** Loops inside one of V8's own functions, where no limit of isolated-vm reaches it. */
const stuck = "export default () => Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1);";
/** Allocates past every limit inside one of V8's own functions, which ends the process. */
const bomb = "export default () => new Array(2 ** 27).fill({}).join();";
const twoCalls = `export default async ({ i }) => {
  const first = await (await fetch("https://api.example/first/" + i)).text();
  const second = await (await fetch("https://api.example/second/" + i + "/" + first)).text();
  return [i, first, second];
};`;

const opened: Sandbox[] = [];

async function open(options: ProcessPoolOptions): Promise<Sandbox> {
  const sandbox = createProcessPool(options);
  opened.push(sandbox);
  await vi.waitUntil(() => sandbox.ready(), { timeout: 20_000 });
  return sandbox;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((sandbox) => sandbox.close()));
});

function text(body: string): HostAnswer {
  return { ok: true, value: { status: 200, statusText: "", url: "", headers: {}, body } };
}

function urlOf({ args }: HostCall): string {
  return String(typeof args === "object" && args !== null && "url" in args ? args.url : "");
}

/** A host whose answers to `/second/` wait until `release` is called. */
function waitingHost() {
  const { promise: gate, resolve: release } = Promise.withResolvers<void>();
  const { calls, handler } = recordingHost(async (call) => {
    if (urlOf(call).includes("/second/")) await gate;
    return text(urlOf(call).includes("/second/") ? "B" : "A");
  });
  return { calls, handler, release };
}

/** Five runs that wait for their second call, in a pool of one process. */
function waitingRuns(sandbox: Sandbox) {
  const host = waitingHost();
  const runs = [0, 1, 2, 3, 4].map((i) =>
    runSource(sandbox, twoCalls, { input: { i }, host: host.handler, tenant: "innocent", budgets: { wallMs: 20_000 } }),
  );
  const waiting = vi.waitUntil(() => host.calls.length === 10, { timeout: 10_000 });
  return { ...host, runs, waiting };
}

const expectedOutcomes = [0, 1, 2, 3, 4].map((i) => ({ kind: "returned", value: [i, "A", "B"] }));

describe("innocent runs come through, and the host is asked once for each call,", () => {
  test.each([
    ["loops where nothing but a kill can stop it", stuck, "cpu-exceeded", 100],
    ["runs its process out of memory", bomb, "out-of-memory", 8000],
  ])("beside a run that %s", async (_what, source, kind, cpuMs) => {
    const sandbox = await open({ processes: 1 });
    const { calls, runs, waiting, release } = waitingRuns(sandbox);
    await waiting;
    const before = sandboxChildren();
    const hostile = await runSource(sandbox, source, { budgets: { cpuMs, wallMs: 10_000 } });
    expect(hostile.outcome.kind).toBe(kind);
    expect(sandboxChildren().filter((pid) => before.includes(pid))).toHaveLength(before.length - 1);
    release();
    expect((await Promise.all(runs)).map(({ outcome }) => outcome)).toEqual(expectedOutcomes);
    expect(calls).toHaveLength(10);
  });

  test("when all sandbox processes are killed from outside", async () => {
    const sandbox = await open({ processes: 2 });
    const { calls, runs, waiting, release } = waitingRuns(sandbox);
    await waiting;
    for (const pid of sandboxChildren()) process.kill(pid, "SIGKILL");
    release();
    expect((await Promise.all(runs)).map(({ outcome }) => outcome)).toEqual(expectedOutcomes);
    expect(calls).toHaveLength(10);
  });

  test("when their process is killed while they compute", async () => {
    const sandbox = await open({ processes: 1 });
    const source = `export default async () => {
      const answer = await (await fetch("https://api.example/")).text();
      let sum = 0;
      for (let i = 0; i < 8e6; i++) sum += i % 7;
      return [answer, sum];
    };`;
    const { calls, handler } = recordingHost(() => {
      const kill = () => {
        for (const pid of sandboxChildren()) process.kill(pid, "SIGKILL");
      };
      setTimeout(kill, 60);
      return text("once");
    });
    const { outcome } = await runSource(sandbox, source, { host: handler, budgets: { cpuMs: 8000, wallMs: 20_000 } });
    expect(outcome).toEqual({ kind: "returned", value: ["once", expect.any(Number)] });
    expect(calls).toHaveLength(1);
  });
});

describe("a replayed run", () => {
  test("sees the same clock and the same chances, and logs each line once", async () => {
    const sandbox = await open({ processes: 1 });
    const source = `export default async () => {
      const seen = [Date.now(), new Date().toISOString(), Math.random(), crypto.randomUUID()];
      seen.push([...crypto.getRandomValues(new Uint8Array(40))]);
      console.log("seen");
      await new Promise((resolve) => setTimeout(resolve, 5));
      const body = JSON.stringify(seen);
      await fetch("https://api.example/second/", { method: "POST", body });
      console.log("done");
      return body;
    };`;
    const { calls, handler, release } = waitingHost();
    const running = runSource(sandbox, source, { host: handler });
    await vi.waitUntil(() => calls.length === 1);
    for (const pid of sandboxChildren()) process.kill(pid, "SIGKILL");
    release();
    const { outcome, logs } = await running;
    expect(outcome).toEqual({ kind: "returned", value: expect.any(String) });
    expect(calls).toMatchObject([{ args: { body: outcome.kind === "returned" ? outcome.value : "" } }]);
    expect(logs.map(({ message }) => message)).toEqual(["seen", "done"]);
  });

  test("is made again when the machine had no core for its slice, and calls nobody twice", async () => {
    const sandbox = await open({ processes: 1 });
    const source = `export default async () => {
      const first = await (await fetch("https://api.example/first/")).text();
      let sum = 0;
      for (let i = 0; i < 1e7; i++) sum += i;
      return [first, sum];
    };`;
    const signal = (name: NodeJS.Signals) => {
      for (const pid of sandboxChildren()) process.kill(pid, name);
    };
    const { calls, handler } = recordingHost(async () => {
      // in the middle of the loop, and for longer than the slice may take
      setTimeout(() => signal("SIGSTOP"), 40);
      setTimeout(() => signal("SIGCONT"), 1700);
      return text("A");
    });
    const { outcome } = await runSource(sandbox, source, { host: handler, budgets: { cpuMs: 1000, wallMs: 10_000 } });
    expect(outcome).toEqual({ kind: "returned", value: ["A", 49_999_995_000_000] });
    expect(calls).toHaveLength(1);
  });

  test("is given up when processes die under it again and again", async () => {
    const sandbox = await open({ processes: 1 });
    const { handler } = recordingHost(() => new Promise<HostAnswer>(() => {}));
    const killing = setInterval(() => {
      for (const pid of sandboxChildren()) process.kill(pid, "SIGKILL");
    }, 30);
    const { outcome } = await runSource(sandbox, twoCalls, {
      host: handler,
      input: { i: 0 },
      budgets: { wallMs: 8000 },
    });
    clearInterval(killing);
    expect(outcome).toMatchObject({ kind: "host-failure", reason: "process-lost" });
  });
});

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
