import type { HostCallHandler, Sandbox, SandboxJob, SandboxRun } from "../sandbox.ts";
import { hearSlice } from "./guest-report.ts";
import { reportMaxChars } from "./limits.ts";
import { createRun, endRun, nextCommand, type PoolRun, type Slice } from "./pool-run.ts";
import type { Report } from "./protocol.ts";
import { createTally, type Tally, tallyRun } from "./tally.ts";

/** A Worker made of texts, as Cloudflare's Worker Loader takes it. */
type WorkerCode = {
  compatibilityDate: string;
  mainModule: string;
  modules: GuestModules;
  env: Record<string, never>;
  globalOutbound: null;
  limits: { cpuMs: number; subRequests: number };
};

/** The part of a Worker Loader binding that is used. `load` makes a Worker with a realm of its own each time. */
export type WorkerLoader = { load(code: WorkerCode): { getEntrypoint(): { open(): GuestRun } } };

/** The host's end of `guest/worker-main.ts`; a promise of it may be called as if it were there. */
type GuestRun = {
  turn(
    what: "start" | "settle" | "fire",
    nowMs: number,
    id: number,
    ok: boolean,
    text: string,
    terms: string,
  ): Promise<string>;
  [Symbol.dispose](): void;
};

/** The modules of a guest but for its workflow, as `bundleGuestModules` makes them. */
export type GuestModules = Record<string, { js: string } | { cjs: string }>;

/** Before the date from which Workers have Node's modules without being asked to. */
const compatibilityDate = "2025-10-01";

const mainModule = "scrip:prelude-main";

/** What `drain` puts before the last records of a run, with the parts that it used. */
const lastMark = "!";

/**
 * A sandbox of Workers made on the fly, one for each run: Cloudflare's runtime keeps them apart, ends one that takes more
 * CPU time than its budget or more than 128 MB, and lets none of them reach anything. What they say is judged as that of a
 * sandbox process. Locally workerd enforces no limits: an infinite loop stops all of it. There are no processes, so no
 * tenant ever rests; what ended is counted in `tally`, which the sandboxes of an isolate may share.
 */
export function createWorkerLoaderSandbox(
  loader: WorkerLoader,
  guest: GuestModules,
  tally: Tally = createTally(),
): Sandbox {
  const runs = new Set<PoolRun>();
  let closed = false;
  const run = (job: SandboxJob, host: HostCallHandler, mode: PoolRun["mode"]): Promise<SandboxRun> => {
    const { promise, resolve } = Promise.withResolvers<SandboxRun>();
    const cancel = () => endRun(made, { kind: "cancelled", message: "the run was cancelled" });
    const { wallMs } = job.budgets;
    const expire = setTimeout(
      () => endRun(made, { kind: "timed-out", message: `the run took longer than ${wallMs} ms` }),
      wallMs,
    );
    const made = createRun({
      job,
      host,
      mode,
      finish: (done) => {
        clearTimeout(expire);
        job.signal?.removeEventListener("abort", cancel);
        runs.delete(made);
        tallyRun(tally, done.outcome);
        resolve(done);
      },
    });
    runs.add(made);
    if (closed || job.signal?.aborted) cancel();
    else {
      job.signal?.addEventListener("abort", cancel, { once: true });
      begin(made, loader, guest);
    }
    return promise;
  };
  return {
    run: (job, host) => run(job, host, "run"),
    async inspect(module, budgets) {
      const job = { runId: `inspect-${crypto.randomUUID()}`, tenant: "inspect", module, input: {}, budgets };
      const { outcome } = await run(job, noHost, "inspect");
      if (outcome.kind !== "returned") return { ok: false, outcome };
      return { ok: true, defaultExport: String(outcome.value) };
    },
    ready: async () => !closed,
    stats: async () => ({
      processes: [],
      runsUnderWay: runs.size,
      runsWaiting: 0,
      resting: [],
      ...structuredClone(tally),
    }),
    resting: () => [],
    async close() {
      closed = true;
      for (const made of [...runs]) endRun(made, { kind: "cancelled", message: "the sandbox was closed" });
    },
  };
}

const noHost: HostCallHandler = async () => ({ ok: false, error: { name: "Error", message: "not available" } });

/** The platform may refuse to make one Worker more. */
function begin(run: PoolRun, loader: WorkerLoader, guest: GuestModules): void {
  try {
    lead(run, loader, guest);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    endRun(run, { kind: "host-failure", reason: "no-process", message });
  }
}

/** Leads a run through its slices, one after another, until it has ended. */
function lead(run: PoolRun, loader: WorkerLoader, guest: GuestModules): void {
  const inside = loader.load(workerOf(run, guest)).getEntrypoint().open();
  let entered = false;
  const goOn = async () => {
    if (entered) return;
    entered = true;
    for (let slice = run.backlog.shift(); slice && !run.outcome; slice = run.backlog.shift()) {
      const startedAt = performance.now();
      await turn(run, inside, slice).then(
        (said) => hearTurn(run, said, performance.now() - startedAt),
        (error: unknown) => hearEnd(run, error),
      );
    }
    entered = false;
    if (run.outcome) inside[Symbol.dispose]();
  };
  run.wake = () => {
    goOn().catch((error: unknown) => endRun(run, { kind: "host-failure", reason: "protocol", message: String(error) }));
  };
  run.wake();
}

function turn(run: PoolRun, guest: GuestRun, slice: Slice): Promise<string> {
  const { command, body } = nextCommand(run, slice, false);
  if (command.do === "settle") return guest.turn("settle", command.nowMs, command.id, command.ok, body, "");
  if (command.do === "fire") return guest.turn("fire", command.nowMs, command.id, true, body, "");
  if (command.do !== "start") throw new Error("a slice has another command");
  const { mode, seed, randomKey, resultBytes, logBytes, nowMs } = command;
  return guest.turn("start", nowMs, 0, true, body, JSON.stringify({ mode, seed, randomKey, resultBytes, logBytes }));
}

/** The runtime tells no CPU time; a turn's own time, which is more, is what is told, and Cloudflare alone judges by its own. */
function hearTurn(run: PoolRun, said: string, tookMs: number): void {
  const cpuMs = Math.min(run.cpuMs + tookMs, run.job.budgets.cpuMs);
  const report = { run: run.job.runId, cpuMs };
  if (said.length > reportMaxChars) {
    const message = `more than ${reportMaxChars} characters at once`;
    hearSlice(run, { kind: "failed", why: "flood", message, ...report }, "[]");
    return;
  }
  const ended = said.startsWith(lastMark);
  hearSlice(run, { kind: "slice", ended, ...report }, ended ? said.slice(said.indexOf("[")) : said);
}

type Failed = Extract<Report, { kind: "failed" }>;

/** The Worker is no more, or never was. */
function hearEnd(run: PoolRun, error: unknown): void {
  const { cpuMs: budgetMs } = run.job.budgets;
  const message = error instanceof Error ? error.message : String(error);
  const report = { run: run.job.runId, cpuMs: run.cpuMs };
  const syntax = /SyntaxError: ([^\n]*)/.exec(message);
  if (syntax !== null) {
    const place = /workflow\.js:\d+(?::\d+)?/.exec(message)?.[0] ?? "workflow.js";
    const stack = `SyntaxError: ${syntax[1]}\n    at ${place}`;
    const record = { k: "threw", name: "SyntaxError", message: syntax[1] ?? "", stack };
    hearSlice(run, { kind: "slice", ended: true, ...report }, JSON.stringify([record]));
    return;
  }
  const why = whyEnded(message);
  if (why === "crash") {
    endRun(run, { kind: "host-failure", reason: "process-lost", message: `the Worker of the run failed: ${message}` });
    return;
  }
  hearSlice(run, { kind: "failed", why, message, ...report, cpuMs: why === "timeout" ? budgetMs : run.cpuMs }, "[]");
}

function whyEnded(message: string): Failed["why"] {
  if (/CPU/i.test(message)) return "timeout";
  return /memory/i.test(message) ? "memory" : "crash";
}

/** The workflow's first line is only `"use strict"`: what stands before it moves nothing that a stack names. */
function workerOf({ job }: PoolRun, guest: GuestModules): WorkerCode {
  return {
    compatibilityDate,
    mainModule,
    modules: { ...guest, "workflow.js": { js: `export default function(){${job.module.script}\n}` } },
    env: {},
    globalOutbound: null,
    limits: { cpuMs: job.budgets.cpuMs, subRequests: 1 },
  };
}
