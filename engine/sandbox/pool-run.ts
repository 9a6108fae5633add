import type { Json } from "../../schemas/json.ts";
import type { GuestError, HostCallHandler, LogLine, SandboxJob, SandboxOutcome, SandboxRun } from "../sandbox.ts";
import { drawChances } from "./chances.ts";
import type { Command } from "./protocol.ts";

/** One entry into the guest. Kept with its clock, so that a run whose process died can be led the same way again. */
export type Slice = (
  | { do: "start" }
  | { do: "settle"; id: number; ok: boolean; body: string }
  | { do: "fire"; id: number }
) & {
  nowMs?: number;
};

/** One run as the supervisor sees it, from the moment it was asked for until `outcome` is set. */
export type PoolRun = {
  readonly job: SandboxJob;
  readonly host: HostCallHandler;
  readonly mode: "run" | "inspect";
  readonly key: string;
  /** JSON text; null of an input that is nested too deeply to be written. */
  readonly input: string | null;
  readonly seed: number[];
  readonly randomKey: string;
  readonly startedAt: number;
  /** Slices to make, the one being made, and those made: the journal. */
  backlog: Slice[];
  inFlight: Slice | undefined;
  history: Slice[];
  /** How many slices of the journal are still to be made again; what the guest says in them is known already. */
  echoes: number;
  /** Name and arguments of each host call by `seq`, and how many have no answer yet. */
  calls: string[];
  unanswered: number;
  timers: Map<number, NodeJS.Timeout>;
  logs: LogLine[];
  logBytesLeft: number;
  logsTruncated: boolean;
  cpuMs: number;
  /** How many processes died under it, and how many of those while it was in the guest. */
  deaths: number;
  deathsInside: number;
  /** How often a slice's time was up while the run had hardly had a core. */
  starved: number;
  /** When its latest slice was sent to a process, on the clock of `performance.now()`, and whether the script was with it. */
  sentAt: number;
  scriptSent: boolean;
  /** Memory of its process that it seems to have taken. */
  heldBytes: number;
  outcome: SandboxOutcome | undefined;
  /** Whether the process has let go of the run of itself. */
  forgotten: boolean;
  /** Called when there is something in the backlog, and when the run has ended. */
  wake: () => void;
  finish: (run: SandboxRun) => void;
};

type Beginning = Pick<PoolRun, "job" | "host" | "mode" | "finish">;

/** A run with its first slice in the backlog. The wall clock runs from here. */
export function createRun({ job, host, mode, finish }: Beginning): PoolRun {
  return {
    job,
    host,
    mode,
    finish,
    key: `${job.tenant}:${job.module.codeHash}:${memoryMib(job)}`,
    input: textOf(job.input),
    ...drawChances(),
    startedAt: performance.now(),
    backlog: [{ do: "start" }],
    inFlight: undefined,
    history: [],
    echoes: 0,
    calls: [],
    unanswered: 0,
    timers: new Map(),
    logs: [],
    logBytesLeft: job.budgets.logBytes,
    logsTruncated: false,
    cpuMs: 0,
    deaths: 0,
    deathsInside: 0,
    starved: 0,
    sentAt: 0,
    scriptSent: false,
    heldBytes: 0,
    outcome: undefined,
    forgotten: false,
    wake: () => {},
  };
}

/** The JSON text of a value; null of one that is nested too deeply to be written. */
export function textOf(value: Json): string | null {
  try {
    return JSON.stringify(value) ?? "null";
  } catch {
    return null;
  }
}

/** What is left of the wall budget, in milliseconds. */
export function wallLeftMs(run: PoolRun): number {
  return run.job.budgets.wallMs - (performance.now() - run.startedAt);
}

/** By the clock, what a slice may take of the CPU time left: half as much again, for a machine whose cores are shared. */
export function cpuSliceMs({ job, cpuMs }: PoolRun): number {
  return (job.budgets.cpuMs - cpuMs) * 1.5 + 10;
}

/** Takes the next slice out of the backlog, as a command and the body beside it. */
export function nextCommand(
  run: PoolRun,
  slice: Slice,
  withScript: boolean,
): { command: Command; body: string; sliceMs: number } {
  const { job, mode, seed, randomKey, key } = run;
  const { budgets, module } = job;
  slice.nowMs ??= Date.now();
  run.inFlight = slice;
  const sliceMs = Math.max(1, Math.ceil(Math.min(cpuSliceMs(run), wallLeftMs(run))));
  const turn = { run: job.runId, sliceMs, nowMs: slice.nowMs };
  if (slice.do === "fire") return { command: { do: "fire", id: slice.id, ...turn }, body: "null", sliceMs };
  if (slice.do === "settle") {
    return { command: { do: "settle", id: slice.id, ok: slice.ok, ...turn }, body: slice.body, sliceMs };
  }
  const { resultBytes, logBytes } = budgets;
  const script = withScript ? { script: module.script } : {};
  const terms = {
    mode,
    seed,
    randomKey,
    resultBytes,
    logBytes,
    key,
    codeHash: module.codeHash,
    memoryMiB: memoryMib(job),
  };
  return { command: { do: "start", ...terms, ...script, ...turn }, body: run.input ?? "null", sliceMs };
}

/** Ends a run, once. What comes later (answers, timers, reports) finds `outcome` set and is dropped. */
export function endRun(run: PoolRun, outcome: SandboxOutcome): void {
  if (run.outcome) return;
  run.outcome = outcome;
  run.backlog = [];
  for (const timer of run.timers.values()) clearTimeout(timer);
  run.timers.clear();
  const { logs, logsTruncated, cpuMs } = run;
  run.finish({ outcome, logs, logsTruncated, cpuMs, wallMs: performance.now() - run.startedAt });
  run.wake();
}

/** Makes a run ready to be led through its journal again, in a new process. */
export function rewind(run: PoolRun): void {
  // what was still to be replayed when this process died as well stays an echo
  run.echoes += run.history.length;
  const interrupted = run.inFlight ? [run.inFlight] : [];
  run.backlog = [...run.history, ...interrupted, ...run.backlog];
  run.history = [];
  run.inFlight = undefined;
  run.cpuMs = 0;
  run.heldBytes = 0;
}

/** The outcome of a run that used up its wall budget, or its CPU budget. */
export function overBudget(run: PoolRun): SandboxOutcome {
  const { wallMs, cpuMs } = run.job.budgets;
  if (wallLeftMs(run) <= 1) return { kind: "timed-out", message: `the run took longer than ${wallMs} ms` };
  return { kind: "cpu-exceeded", message: `the run used more than ${cpuMs} ms of CPU time` };
}

/** The outcome of a run that used more memory than it may. */
export function outOfMemory(run: PoolRun): SandboxOutcome {
  return { kind: "out-of-memory", message: `the run used more than ${memoryMib(run.job)} MiB of memory` };
}

/** An error of the author's code, with its place in the compiled script read from the stack. */
export function guestError(name: string, message: string, stack: string): GuestError {
  const own = stack
    .split("\n")
    .filter((line) => !line.includes("scrip:prelude"))
    .join("\n");
  const place = /workflow\.js:(\d+):(\d+)/.exec(own);
  if (!place) return { name, message, stack: own };
  return { name, message, stack: own, line: Number(place[1]), column: Number(place[2]) };
}

function memoryMib(job: SandboxJob): number {
  return Math.max(8, Math.ceil(job.budgets.memoryBytes / (1 << 20)));
}
