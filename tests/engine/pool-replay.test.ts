import { describe, expect, test, vi } from "vitest";
import type { HostAnswer } from "../../engine/sandbox.ts";
import { recordingHost, runSource } from "../contracts/sandbox.ts";
import { expectedOutcomes, open, stuck, text, twoCalls, waitingHost, waitingRuns } from "./pool-runs.ts";
import { sandboxChildren } from "./sandbox-children.ts";

/** Allocates past every limit inside one of V8's own functions, which ends the process. */
const bomb = "export default () => new Array(2 ** 27).fill({}).join();";

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

  test.each(["before", "behind"])("when the slice %s theirs ends the process, and only it is blamed", async (place) => {
    const sandbox = await open({ processes: 1 });
    const { calls, handler } = recordingHost(() => text("A"));
    const innocent = (i: number) =>
      runSource(sandbox, twoCalls, { input: { i }, host: handler, tenant: "innocent", budgets: { wallMs: 20_000 } });
    const hostile = () => runSource(sandbox, bomb, { tenant: "bomber", budgets: { cpuMs: 8000, wallMs: 20_000 } });
    // the process is sent the second of two that are asked for at once before it is done with the first
    const [first, second] = place === "before" ? [hostile(), innocent(0)] : [innocent(0), hostile()];
    const ends = await Promise.all([first, second, innocent(1)]);
    const [bombed, ...others] = place === "before" ? ends : [ends[1], ends[0], ends[2]];
    expect(bombed.outcome.kind).toBe("out-of-memory");
    expect(others.map(({ outcome }) => outcome)).toEqual(
      [0, 1].map((i) => ({ kind: "returned", value: [i, "A", "A"] })),
    );
    expect(calls).toHaveLength(4);
    const { processesEnded } = await sandbox.stats();
    expect(processesEnded["out-of-memory"] + processesEnded.swollen).toBeGreaterThan(0);
  });

  test("when the engine is busy while their slice ends and the one behind it takes all memory", async () => {
    const sandbox = await open({ processes: 1 });
    const working = "export default () => { let x = 0; for (let i = 0; i < 3e6; i++) x += i; return 'worked'; };";
    const swelling = "export default () => { const all = []; for (;;) all.push(new Array(1e5).fill(all.length)); };";
    const innocent = runSource(sandbox, working, { tenant: "innocent", budgets: { cpuMs: 2000 } });
    const hostile = runSource(sandbox, swelling, { tenant: "hostile", budgets: { cpuMs: 8000, wallMs: 20_000 } });
    // after the first look at the slice, and until after the process has begun the next
    const block = () => {
      for (const until = performance.now() + 400; performance.now() < until; );
    };
    setTimeout(() => setImmediate(block), 30);
    expect((await innocent).outcome).toEqual({ kind: "returned", value: "worked" });
    expect((await hostile).outcome.kind).toBe("out-of-memory");
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
    const killing = setInterval(async () => {
      if (!(await sandbox.ready())) return;
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
