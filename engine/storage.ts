import { type Client, LibsqlError } from "@libsql/client";
import { drizzle, type LibSQLDatabase } from "drizzle-orm/libsql";
import { migrations } from "../schemas/generated/migrations.ts";

/** A drizzle database or a transaction of one. */
export type Database = Pick<LibSQLDatabase, "select" | "insert" | "update" | "delete" | "run" | "all" | "get">;

/**
 * The database of one process. Reads go to `db` at any time; every write goes through `write`, one after another,
 * each in an immediate transaction, because in file mode a busy wait blocks the event loop.
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
  let last: Promise<unknown> = Promise.resolve();
  return {
    client,
    db,
    write(work) {
      const turn = last.then(() => db.transaction(work));
      last = turn.catch(() => undefined);
      return turn;
    },
    close: () => client.close(),
  };
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
