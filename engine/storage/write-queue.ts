import type { LibSQLDatabase } from "drizzle-orm/libsql";
import { nextTurn } from "../next-turn.ts";
import { storageFault } from "../storage-fault.ts";

type Transaction = Parameters<Parameters<LibSQLDatabase["transaction"]>[0]>[0];

/** Runs writes one after another; those that wait at the same time share a commit. */
export type WriteQueue = <T>(work: (tx: Transaction) => Promise<T>) => Promise<T>;

/** Makes the queue of one process. `groupMs` is how long a shared transaction takes in further writes. */
export function createWriteQueue(db: LibSQLDatabase, groupMs: number): WriteQueue {
  const waiting: Job[] = [];
  let writing = false;
  const drain = async () => {
    await nextTurn();
    while (waiting.length > 0) await commitGroup(db, waiting, groupMs);
    writing = false;
  };
  return (work) =>
    new Promise((resolve, reject) => {
      waiting.push(jobOf(work, resolve, reject));
      if (writing) return;
      writing = true;
      void drain();
    });
}

/** One write that waits. `run` does its work and gives what tells its caller, to be called once it is durable. */
type Job = { run(tx: Transaction): Promise<() => void>; fail(error: unknown): void };

function jobOf<T>(
  work: (tx: Transaction) => Promise<T>,
  resolve: (value: T) => void,
  reject: (error: unknown) => void,
): Job {
  return {
    async run(tx) {
      const result = await work(tx);
      return () => resolve(result);
    },
    fail: reject,
  };
}

const groupSize = 64;

/**
 * Writes the jobs at the head of the queue in one immediate transaction, each within a savepoint of its own: one that
 * fails undoes itself alone. Nobody is told of success before the commit, which is what costs most, and which they share.
 */
async function commitGroup(db: LibSQLDatabase, waiting: Job[], groupMs: number): Promise<void> {
  const group: Job[] = [];
  try {
    const done = await db.transaction(async (tx) => {
      const answers: (() => void)[] = [];
      const untilMs = performance.now() + groupMs;
      do {
        const job = waiting.shift();
        if (job === undefined) break;
        group.push(job);
        const alone = group.length === 1 && waiting.length === 0;
        answers.push(await (alone ? job.run(tx) : inSavepoint(tx, job)));
      } while (group.length < groupSize && performance.now() < untilMs);
      return answers;
    });
    for (const answer of done) answer();
  } catch (error) {
    if (group.length === 0) waiting.shift()?.fail(error);
    for (const job of group) job.fail(error);
  }
}

async function inSavepoint(tx: Transaction, job: Job): Promise<() => void> {
  let failure: { error: unknown } | undefined;
  const answer = await tx
    .transaction((nested) => job.run(nested))
    .catch((error: unknown) => {
      const kind = storageFault(error);
      // the whole transaction is gone: those who have not begun are for the next one
      if (kind === "busy" || kind === "unavailable") throw error;
      failure = { error };
    });
  return answer ?? (() => job.fail(failure?.error));
}
