import type { Client } from "@libsql/client";
import { drizzle, type LibSQLDatabase } from "drizzle-orm/libsql";
import { migrations } from "../schemas/generated/migrations.ts";
import type { Circuit } from "./storage/circuit.ts";
import { type Patience, remoteClient } from "./storage/remote-client.ts";
import { createWriteQueue } from "./storage/write-queue.ts";
import { isUniqueViolation } from "./storage-fault.ts";

/** A drizzle database or a transaction of one. */
export type Database = Pick<LibSQLDatabase, "select" | "insert" | "update" | "delete" | "run" | "all" | "get">;

/**
 * The database of one process: a file, or a libSQL server. Reads go to `db` at any time. Every write goes through `write`,
 * one after another, in immediate transactions, because in file mode a busy wait blocks the event loop, and on a server
 * they would only wait for each other. Writes that wait at the same time share a commit: each is atomic by itself, and
 * resolves when it is durable. `storageFault` says what a rejection means; after `unavailable` nobody knows whether the
 * write happened.
 */
export type Storage = {
  client: Client;
  db: LibSQLDatabase;
  write<T>(work: (tx: Database) => Promise<T>): Promise<T>;
  /** The same for work that is one statement, and never more: on a server it needs one round trip and no queue. */
  writeOne<T>(work: (tx: Database) => Promise<T>): Promise<T>;
  close(): void;
};

/**
 * How long the driver waits for another process's lock on a file, for `createClient`. It blocks the event loop meanwhile,
 * which is well as long as every transaction is short; giving up early is worse, because a statement that failed as busy
 * stays open in the driver until it is collected and spoils the next commit on its connection.
 */
export const driverWaitMs = 5000;

/** Others wait for the lock meanwhile, and a server takes a transaction away that is held for 5 seconds. */
const fileGroupMs = 20;
const serverGroupMs = 100;

/** Wraps a client of a file or of a server, one that may share a circuit with others. Call `migrate` once before use. */
export function createStorage(client: Client, patience?: Patience, circuit?: Circuit): Storage {
  if (client.protocol === "file") {
    const db = drizzle(client);
    const write = createWriteQueue(db, fileGroupMs);
    return { client, db, write, writeOne: write, close: () => client.close() };
  }
  const remote = remoteClient(client, patience, circuit);
  const db = drizzle(remote);
  const write = createWriteQueue(db, serverGroupMs);
  // what is not async by itself would throw at once
  return { client: remote, db, write, writeOne: async (work) => work(db), close: () => client.close() };
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
