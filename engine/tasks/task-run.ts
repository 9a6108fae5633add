import Stripe from "stripe";
import type { Engine } from "../engine.ts";
import { ScripError } from "../error.ts";
import { isStorageError } from "../storage-fault.ts";

/** A run of a task while it goes on: what its work counts and tells. */
export type TaskRun = {
  /** Aborted when the work is to end: it looks between two steps. */
  signal: AbortSignal;
  counts: Record<string, number>;
  failures: string[];
  count(name: string, by?: number): void;
  /** Notes that something could not be done, and why, in words. `what` names it, as `purchase pur_…`. */
  fail(what: string, error: unknown): void;
};

/** So many are enough to see what is wrong; `counts` says how many there were. */
const mostFailures = 5;

/** Begins the notes of a run. */
export function createTaskRun(engine: Engine, signal: AbortSignal): TaskRun {
  const run: TaskRun = {
    signal,
    counts: {},
    failures: [],
    count(name, by = 1) {
      run.counts[name] = (run.counts[name] ?? 0) + by;
    },
    fail(what, error) {
      const words = wordsOf(what, error);
      if (words === null) engine.onFault(error, `${what} made a task fail`);
      const failure = words ?? `${what}: a fault of this server, its log says more`;
      if (run.failures.length < mostFailures && !run.failures.includes(failure)) run.failures.push(failure);
    },
  };
  return run;
}

/** Null for what nobody has foreseen. Words without names where the same is wrong with all. */
function wordsOf(what: string, error: unknown): string | null {
  if (isUnreachable(error)) return `Stripe does not answer: ${reasonOf(error.cause)}`;
  if (isStorageError(error)) return "The database does not answer";
  if (error instanceof ScripError || error instanceof Stripe.errors.StripeError) return `${what}: ${error.message}`;
  return null;
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error && cause.message !== "" ? cause.message : "no reason is known";
}

/** Whether an error says that nothing was to be learned of Stripe now. */
export function isUnreachable(error: unknown): error is ScripError {
  return error instanceof ScripError && error.code === "stripe_unreachable";
}
