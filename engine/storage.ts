import { type Client, LibsqlError } from "@libsql/client";
import { drizzle, type LibSQLDatabase } from "drizzle-orm/libsql";
import { migrations } from "../schemas/generated/migrations.ts";

/** A drizzle database or a transaction of one. */
export type Database = Pick<LibSQLDatabase, "select" | "insert" | "update" | "delete" | "run" | "all" | "get">;

/**
 * The database of one process. Reads go to `db` at any time; every write goes through `write`, one after another, in
 * immediate transactions, because in file mode a busy wait blocks the event loop. Writes that wait at the same time share
 * a commit: each is atomic by itself, and resolves when it is durable.
 */
export type Storage = {
  client: Client;
  db: LibSQLDatabase;
  write<T>(work: (tx: Database) => Promise<T>): Promise<T>;
  close(): void;
};

/**
 * How long the driver waits for another process's lock, for `createClient`. It blocks the event loop meanwhile, which
 * is well as long as every transaction is short; giving up early is worse, because a statement that failed as busy
 * stays open in the driver until it is collected and spoils the next commit on its connection.
 */
export const driverWaitMs = 5000;

/** Wraps a client. Call `migrate` once before use. */
export function createStorage(client: Client): Storage {
  const db = drizzle(client);
  const waiting: Job[] = [];
  let writing = false;
  const drain = async () => {
    while (waiting.length > 0) await commitGroup(db, waiting);
    writing = false;
  };
  return {
    client,
    db,
    write(work) {
      return new Promise((resolve, reject) => {
        waiting.push(jobOf(work, resolve, reject));
        if (writing) return;
        writing = true;
        // after all that the network has brought in this turn: those writes share one commit
        setImmediate(() => void drain());
      });
    },
    close: () => client.close(),
  };
}

/** One write that waits. `run` does its work and gives what tells its caller, to be called once it is durable. */
type Job = { run(tx: Database): Promise<() => void>; fail(error: unknown): void };

function jobOf<T>(
  work: (tx: Database) => Promise<T>,
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

/** Others wait for the lock meanwhile, and a server takes a transaction away that is held for long. */
const groupMs = 20;
const groupSize = 64;

/**
 * Writes the jobs at the head of the queue in one immediate transaction, each within a savepoint of its own: one that
 * fails undoes itself alone. Nobody is told of success before the commit, which is what costs most, and which they share.
 */
async function commitGroup(db: LibSQLDatabase, waiting: Job[]): Promise<void> {
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

type Transaction = Parameters<Parameters<LibSQLDatabase["transaction"]>[0]>[0];

async function inSavepoint(tx: Transaction, job: Job): Promise<() => void> {
  let failure: { error: unknown } | undefined;
  const answer = await tx
    .transaction((nested) => job.run(nested))
    .catch((error: unknown) => {
      failure = { error };
    });
  return answer ?? (() => job.fail(failure?.error));
}

const createLedger =
  "create table if not exists migrations (name text primary key not null, applied_at integer not null)";

/**
 * Brings the schema up to date. Safe when several processes start at once: each migration is one write batch that
 * begins with its own row in the ledger, so that the second to come meets a unique violation and goes on.
 */
export async function migrate(storage: Storage, now: () => number): Promise<void> {
  const { client } = storage;
  if (client.protocol === "file") await client.execute("pragma journal_mode = wal");
  await client.execute(createLedger);
  const done = await client.execute("select name from migrations");
  const applied = new Set(done.rows.map((row) => row.name));
  for (const { name, statements } of migrations) {
    if (applied.has(name)) continue;
    const claim = { sql: "insert into migrations (name, applied_at) values (?, ?)", args: [name, now()] };
    await client.batch([claim, ...statements], "write").catch((error: unknown) => {
      if (!isUniqueViolation(error)) throw error;
    });
  }
}

/** Whether an error is a unique or primary-key violation, from a file or from a server. */
export function isUniqueViolation(error: unknown): boolean {
  const cause = error instanceof Error && !(error instanceof LibsqlError) ? error.cause : error;
  return (
    cause instanceof LibsqlError && /UNIQUE constraint failed|SQLITE_CONSTRAINT/.test(`${cause.code} ${cause.message}`)
  );
}

/** Whether an error means that the database did not answer in time or cannot be reached. */
export function isStorageError(error: unknown): boolean {
  if (error instanceof LibsqlError) return true;
  return error instanceof Error && error.cause instanceof LibsqlError;
}
