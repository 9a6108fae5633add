import * as v from "valibot";
import { tasks } from "../../schemas/tables.ts";
import { TaskOutcome } from "../../schemas/tasks.ts";
import type { Engine } from "../engine.ts";
import { ScripError } from "../error.ts";
import { runTask, type TaskResult } from "./lease.ts";
import { prune } from "./prune.ts";
import { reconcile } from "./reconcile.ts";

const minuteMs = 60_000;

/** What runs by itself: when, as cron says it, in UTC, and how long the interval is in which one run is enough. */
export const scheduledTasks = [
  {
    name: "reconcile",
    description: "Asks Stripe about pending purchases, and for events that did not come by webhook",
    pattern: "* * * * *",
    everyMs: minuteMs,
    work: reconcile,
  },
  {
    name: "prune",
    description: "Ends purchases that nobody will pay for any more, and deletes what nobody needs any more",
    pattern: "0 * * * *",
    everyMs: 60 * minuteMs,
    work: prune,
  },
] as const;

type ScheduledTask = (typeof scheduledTasks)[number];

/** The name of a scheduled task. */
export type TaskName = ScheduledTask["name"];

const never = new AbortController().signal;

/** Runs a task where its time has come: once in each interval, whichever process comes first. */
export function runScheduled(engine: Engine, name: TaskName, signal: AbortSignal = never): Promise<TaskResult> {
  const { everyMs, work } = taskOf(name);
  const onceSinceMs = Math.floor(engine.now() / everyMs) * everyMs;
  return runTask(engine, { name, work, onceSinceMs, signal });
}

/**
 * Runs every task whose time has come, one after another: for a runtime that wakes the server once a minute, and has no
 * clock of its own.
 */
export async function runDueTasks(engine: Engine, signal: AbortSignal = never): Promise<void> {
  for (const { name } of scheduledTasks) await runScheduled(engine, name, signal);
}

/** Runs a task now, unless a process is at it. Throws `task_not_found`. */
export async function runNow(engine: Engine, name: string, signal: AbortSignal = never): Promise<TaskResult> {
  const { work } = taskOf(name);
  return runTask(engine, { name, work, onceSinceMs: null, signal });
}

/** Every task, and how it went the last time. Times are milliseconds since the epoch. */
export async function listTasks(engine: Engine) {
  const rows = await engine.storage.db.select().from(tasks);
  const nowMs = engine.now();
  return scheduledTasks.map(({ name, description, pattern }) => {
    const row = rows.find((known) => known.name === name);
    const outcome = v.safeParse(TaskOutcome, row?.outcome);
    return {
      name,
      description,
      pattern,
      state: stateOf(row?.leaseUntil ?? 0, nowMs),
      startedAt: row?.startedAt ?? null,
      finishedAt: row?.finishedAt ?? null,
      outcome: outcome.success ? outcome.output : null,
    };
  });
}

/** Who ends a task ends its lease; one that is over by itself is that of a process that died. */
function stateOf(leaseUntil: number, nowMs: number): "idle" | "running" | "interrupted" {
  if (leaseUntil === 0) return "idle";
  return leaseUntil > nowMs ? "running" : "interrupted";
}

function taskOf(name: string): ScheduledTask {
  const task = scheduledTasks.find((known) => known.name === name);
  if (task === undefined) {
    const names = scheduledTasks.map((known) => known.name).join(", ");
    throw new ScripError("task_not_found", `There is no task ${name}: there are ${names}`);
  }
  return task;
}
