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

/** One run to make. `tenant` is `environmentId:methodSlug`, after `try:` for a try; `runId` is unique per run and names it in journals. */
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

/** Why a sandbox could not run something: a closed list, because who is to blame and what to do differs. */
export const hostFailureReasons = [
  /** It found no place, and nothing of it was started. */
  "busy",
  /** Runs of its tenant ended too many processes lately; nothing was started. */
  "resting",
  /** No process could be started to run it in. */
  "no-process",
  /** Its process died: by its doing, or under it again and again. */
  "process-lost",
  /** What was heard from its process made no sense, or it took another course when it was replayed. */
  "protocol",
] as const;
export type HostFailureReason = (typeof hostFailureReasons)[number];

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
 * Runs untrusted modules. No method ever rejects: what goes wrong is an outcome.
 *
 * - `run` makes one run in a fresh realm: no state is left from run to run.
 * - `inspect` evaluates a module's top level only and tells `typeof` its default export.
 * - `ready` is true when a run could start now.
 * - `close` ends everything; runs under way end as `cancelled`.
 */
export type Sandbox = {
  run(job: SandboxJob, host: HostCallHandler): Promise<SandboxRun>;
  inspect(module: SandboxModule, budgets: Budgets): Promise<SandboxInspection>;
  ready(): Promise<boolean>;
  close(): Promise<void>;
};
