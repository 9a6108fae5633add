import type { Json } from "../schemas/json.ts";
import type { Budgets } from "../schemas/workflow.ts";

/** One line that a workflow wrote with `console.*`. `atMs` counts from the start of the run. */
export type LogLine = { level: "debug" | "log" | "info" | "warn" | "error"; atMs: number; message: string };

/** A capability call from inside the sandbox. `seq` counts the calls of one run from 0 and is the journal's key. */
export type HostCall = { seq: number; name: string; args: Json };

/** What the engine answers to a host call. An `ok: false` answer rejects the author's promise with that error. */
export type HostAnswer = { ok: true; value: Json } | { ok: false; error: { name: string; message: string } };

/**
 * The engine's side of the capabilities. It runs in the engine's process, never in the sandbox, and answers each
 * `seq` of a run at most once: a run that is replayed after a crash gets the journalled answer. Never rejects.
 */
export type HostCallHandler = (call: HostCall) => Promise<HostAnswer>;

/** One compiled workflow module. `script` is an IIFE that leaves the default export in `globalThis.__workflow`. */
export type SandboxModule = { codeHash: string; script: string };

/** One run to make. `tenant` says whose it is, for isolates and the breaker; `runId` is unique per run and names it in journals. */
export type SandboxJob = {
  runId: string;
  tenant: string;
  module: SandboxModule;
  input: Json;
  budgets: Budgets;
  signal?: AbortSignal;
};

/** An error thrown by the author's code; `line` and `column` (1-based) are those of the compiled script. */
export type GuestError = { name: string; message: string; stack: string; line?: number; column?: number };

/**
 * Why a sandbox could not run something: a closed list, because what to do about it differs.
 *
 * - `busy`: it found no place; nothing of it was started.
 * - `resting`: runs of its tenant ended too many processes lately; nothing was started.
 * - `no-process`: no process could be started to run it in.
 * - `process-lost`: its process died, by its doing, or under it again and again.
 * - `protocol`: what its process said made no sense, or the run took another course when it was replayed.
 */
export type HostFailureReason = "busy" | "resting" | "no-process" | "process-lost" | "protocol";

/**
 * How a run ended: a closed union. `refused` is a result that is not JSON or too large, or too much asked of the host.
 * `retryAfterMs` says when it is worth trying again, where the sandbox knows.
 */
export type SandboxOutcome =
  | { kind: "returned"; value: Json }
  | { kind: "threw"; error: GuestError }
  | { kind: "timed-out" | "cpu-exceeded" | "out-of-memory" | "refused" | "cancelled"; message: string }
  | { kind: "host-failure"; reason: HostFailureReason; message: string; retryAfterMs?: number };

/** What a run leaves behind. Times in milliseconds. `logsTruncated` says that the log budget was used up. */
export type SandboxRun = {
  outcome: SandboxOutcome;
  logs: LogLine[];
  logsTruncated: boolean;
  cpuMs: number;
  wallMs: number;
};

/** The answer to `inspect`: what a module is once its top level has run. */
export type SandboxInspection = { ok: true; defaultExport: string } | { ok: false; outcome: SandboxOutcome };

/**
 * Why a process of a sandbox ended: a closed list. `overdue`, `swollen` and `lied` are the supervisor's own kills, and
 * `retired` one that nobody was in any more, after so many isolates that it was time for a new one.
 */
export type ProcessEndReason =
  | "overdue"
  | "swollen"
  | "lied"
  | "out-of-memory"
  | "crashed"
  | "killed"
  | "retired"
  | "closed";

/** A tenant that rests because its runs ended processes: for how much longer, and how many it were. */
export type Rest = { tenant: string; leftMs: number; kills: number };

/**
 * One process of a sandbox. Isolates and handles are counted by the process itself, as of its latest answer: `handles` are
 * the contexts, scripts and references that it has made and not released. `residentBytes` is null where nobody can tell.
 */
export type SandboxProcessStats = {
  state: "starting" | "ready";
  spare: boolean;
  runs: number;
  idleIsolates: number;
  liveIsolates: number;
  handles: number;
  residentBytes: number | null;
};

/**
 * A sandbox at a moment, and what it did since it was made. `processes` is empty where runs have none. A run is replayed when
 * its process died and it is led the same way again in another one; it ends once all the same.
 */
export type SandboxStats = {
  processes: SandboxProcessStats[];
  processesEnded: Record<ProcessEndReason, number>;
  runsUnderWay: number;
  runsWaiting: number;
  runsReplayed: number;
  runsEnded: Record<SandboxOutcome["kind"], number>;
  hostFailures: Record<HostFailureReason, number>;
  restsBegun: number;
  resting: Rest[];
};

/**
 * Runs untrusted modules. No method ever rejects: what goes wrong is an outcome.
 *
 * - `run` makes one run in a fresh realm: no state is left from run to run.
 * - `inspect` evaluates a module's top level only and tells `typeof` its default export.
 * - `ready` is true when a run could start now.
 * - `stats` waits a moment for its processes; one that is busy is told of by the numbers that it last gave.
 * - `resting` names the tenants that are turned away now, from memory.
 * - `close` ends everything; runs under way end as `cancelled`.
 */
export type Sandbox = {
  run(job: SandboxJob, host: HostCallHandler): Promise<SandboxRun>;
  inspect(module: SandboxModule, budgets: Budgets): Promise<SandboxInspection>;
  ready(): Promise<boolean>;
  stats(): Promise<SandboxStats>;
  resting(): Rest[];
  close(): Promise<void>;
};
