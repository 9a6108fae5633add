import { link, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { type Client, createClient } from "@libsql/client";
import { driverWaitMs } from "../engine/storage.ts";
import { migrations } from "../schemas/generated/migrations.ts";
import { CommandFailure, messageOf } from "./failure.ts";

/** Opens a database file; one that is not there is made by the driver. */
export function openDatabaseFile(file: string): Client {
  return createClient({ url: pathToFileURL(file).href, timeout: driverWaitMs });
}

/** What is broken in a database, in SQLite's words; nothing when it is whole. Reads all of it. */
export async function damageOf(client: Client): Promise<string[]> {
  const checked = await client.execute("pragma integrity_check");
  const broken = checked.rows.map((row) => String(row.integrity_check)).filter((line) => line !== "ok");
  const orphans = await client.execute("pragma foreign_key_check");
  return [...broken, ...orphans.rows.map((row) => `${row.table} refers to a row of ${row.parent} that is not there`)];
}

/** How a database stands to the migrations of this version: `unknown` are applied ones that only a newer version has. */
export type SchemaState = { applied: string[]; missing: string[]; unknown: string[] };

/** Reads which migrations a database has had. Null when it is none of Scrip's. */
export async function schemaOf(client: Client): Promise<SchemaState | null> {
  const tables = await client.execute("select name from sqlite_schema where name in ('migrations', 'server_facts')");
  if (!tables.rows.some(({ name }) => name === "migrations")) return null;
  const ledger = await client.execute("select name from migrations order by name");
  const applied = ledger.rows.map(({ name }) => String(name));
  const own = migrations.map(({ name }) => name);
  return {
    applied,
    missing: own.filter((name) => !applied.includes(name)),
    unknown: applied.filter((name) => !own.includes(name)),
  };
}

/** The same of a file that is to be trusted: fails when it is no whole database of Scrip's, of this version or an older one. */
export async function checkDatabaseFile(file: string): Promise<SchemaState> {
  const client = openDatabaseFile(file);
  try {
    const schema = await schemaOf(client);
    if (schema === null) throw new CommandFailure("not_a_backup", `${file} is not a database of Scrip`);
    if (schema.unknown.length > 0) {
      throw new CommandFailure(
        "newer_schema",
        `${file} was written by a newer Scrip: it has ${schema.unknown.join(", ")}`,
        {
          hint: "Use the version that wrote it, or a newer one",
        },
      );
    }
    const damage = await damageOf(client);
    if (damage.length === 0) return schema;
    const problems = damage.slice(0, 20).map((message) => ({ message, path: null, place: null }));
    throw new CommandFailure("damaged", `${file} is damaged`, { problems });
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    throw new CommandFailure("not_a_backup", `${file} cannot be read as a database: ${messageOf(error)}`);
  } finally {
    client.close();
  }
}

/**
 * Writes a file as a whole or not at all: `write` is given a new empty file beside it that nobody else can read. When it
 * is done, that is on the disk and takes the name of the other. With `replace` a file of that name goes; without, it fails
 * with `file_exists`.
 */
export async function writeWhole(
  file: string,
  { replace }: { replace: boolean },
  write: (part: string) => Promise<void>,
): Promise<void> {
  const part = `${file}.${crypto.randomUUID().slice(0, 8)}.part`;
  await (await open(part, "wx", 0o600)).close();
  try {
    await write(part);
    await synchronise(part);
    if (replace) await rename(part, file);
    else await publish(part, file);
    await synchronise(dirname(file));
  } finally {
    for (const end of ["", "-journal", "-wal", "-shm"]) await rm(part + end, { force: true });
  }
}

/** A link, unlike a rename, does not take the place of what is there. */
async function publish(part: string, file: string): Promise<void> {
  await link(part, file).catch((error: unknown) => {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    throw new CommandFailure("file_exists", `${file} is there already`, { hint: "Name another file" });
  });
}

/** Neither SQLite nor a copy waits until the disk has it. */
async function synchronise(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
