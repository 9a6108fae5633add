import { and, eq, gt, lt, lte, or } from "drizzle-orm";
import * as v from "valibot";
import { tasks } from "../../schemas/tables.ts";
import { TaskOutcome } from "../../schemas/tasks.ts";
import type { Engine } from "../engine.ts";
import { createTaskRun, type TaskRun } from "./task-run.ts";

/** What to run, and when it may be. */
export type TaskToRun = {
  name: string;
  work(engine: Engine, run: TaskRun): Promise<void>;
  /** For a scheduled run: since when one is enough, whoever began it. Null: whenever nobody else is at it. */
  onceSinceMs: number | null;
  /** Ends the work early, between two steps. */
  signal: AbortSignal;
};

/** How it went; or that nothing was begun, because somebody is at it, or was since `onceSinceMs`. */
export type TaskResult =
  | { ran: true; startedAt: number; finishedAt: number; outcome: TaskOutcome }
  | { ran: false; startedAt: number };

/** Whoever has a task is believed to be at it for so long after the last sign of life. */
const leaseMs = 45_000;
const renewEveryMs = 15_000;

/**
 * Runs a task, unless another process is at it: however many try at once, one does. Never rejects for what the work throws:
 * that is in the outcome, which is written for all processes to see. What kept failing before is not told to the log again.
 */
export async function runTask(engine: Engine, task: TaskToRun): Promise<TaskResult> {
  const claimed = await claim(engine, task);
  if (claimed === null) return { ran: false, startedAt: await startOf(engine, task.name) };
  const lost = new AbortController();
  const renewal = setInterval(() => {
    renew(engine, claimed).then(
      (kept) => !kept && lost.abort(),
      // the next renewal may go well, and until the lease is over nobody else begins
      (fault: unknown) => engine.onFault(fault, `the lease of the task ${task.name} could not be renewed`),
    );
  }, renewEveryMs);
  const run = createTaskRun(engine, AbortSignal.any([task.signal, lost.signal]));
  try {
    await task.work(engine, run);
  } catch (error) {
    run.fail(task.name, error);
  } finally {
    clearInterval(renewal);
  }
  if (lost.signal.aborted) run.failures.push("It took so long without a sign of life that another server took over");
  else if (task.signal.aborted) run.failures.push("It was stopped before its end");
  const { counts, failures } = run;
  const outcome = { ok: failures.length === 0, counts, failures };
  const finishedAt = engine.now();
  await finish(engine, claimed, { finishedAt, outcome });
  if (!run.signal.aborted) tellNewFailures(engine, claimed, outcome);
  return { ran: true, startedAt: claimed.startedAt, finishedAt, outcome };
}

type Claimed = typeof tasks.$inferSelect;

/**
 * One statement decides. A lease that is over without having been ended is that of a process that died: its interval is
 * free again. The row keeps the outcome of the run before.
 */
async function claim(engine: Engine, { name, onceSinceMs }: TaskToRun): Promise<Claimed | null> {
  const startedAt = engine.now();
  const lease = { claimId: crypto.randomUUID(), leaseUntil: startedAt + leaseMs, startedAt };
  const isDue = onceSinceMs === null ? undefined : or(lt(tasks.startedAt, onceSinceMs), gt(tasks.leaseUntil, 0));
  const [claimed] = await engine.storage.writeOne((tx) =>
    tx
      .insert(tasks)
      .values({ name, ...lease })
      .onConflictDoUpdate({ target: tasks.name, set: lease, setWhere: and(lte(tasks.leaseUntil, startedAt), isDue) })
      .returning(),
  );
  return claimed ?? null;
}

async function startOf({ storage, now }: Engine, name: string): Promise<number> {
  const [row] = await storage.db.select({ startedAt: tasks.startedAt }).from(tasks).where(eq(tasks.name, name));
  return row?.startedAt ?? now();
}

/** False when somebody else has the task by now. */
async function renew(engine: Engine, claimed: Claimed): Promise<boolean> {
  const leaseUntil = engine.now() + leaseMs;
  const kept = await engine.storage.writeOne((tx) =>
    tx.update(tasks).set({ leaseUntil }).where(ofClaim(claimed)).returning({ name: tasks.name }),
  );
  return kept.length === 1;
}

async function finish(
  engine: Engine,
  claimed: Claimed,
  end: { finishedAt: number; outcome: TaskOutcome },
): Promise<void> {
  await engine.storage.writeOne((tx) =>
    tx
      .update(tasks)
      .set({ ...end, leaseUntil: 0 })
      .where(ofClaim(claimed)),
  );
}

function ofClaim({ name, claimId }: Claimed) {
  return and(eq(tasks.name, name), eq(tasks.claimId, claimId));
}

function tellNewFailures(engine: Engine, { name, outcome: before }: Claimed, { failures }: TaskOutcome): void {
  const known = v.safeParse(TaskOutcome, before);
  const told = known.success ? known.output.failures : [];
  const fresh = failures.filter((failure) => !told.includes(failure));
  if (fresh.length > 0) engine.onFault(new Error(fresh.join("; ")), `the task ${name} did not do everything`);
}
