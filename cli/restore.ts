import { chown, copyFile, mkdir, rename, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Client } from "@libsql/client";
import { type DataPlace, isThere, openServer, readDataPlace } from "./data-place.ts";
import { checkDatabaseFile, openDatabaseFile, writeWhole } from "./database-file.ts";
import { CommandFailure, messageOf } from "./failure.ts";
import { fillServer } from "./fill-server.ts";
import { type KeyState, keyStateOf } from "./master-key.ts";
import type { ExitCode, Terminal } from "./terminal.ts";

/** What to restore. With `replace` a database that is there is put aside, otherwise nothing is touched. */
export type RestoreOptions = { file: string; replace: boolean; json: boolean };

/**
 * `scrip restore <file>`: makes a backup the data of the server whose environment variables these are. The backup is read
 * through first, must be openable by the master key if one is given, and stays as it is.
 */
export async function runRestore(
  terminal: Terminal,
  { file: named, replace, json }: RestoreOptions,
): Promise<ExitCode> {
  const file = resolve(terminal.cwd, named);
  if (!(await isThere(file))) throw new CommandFailure("no_backup", `There is no file ${file}`);
  const place = readDataPlace(terminal);
  await checkDatabaseFile(file);
  const key = await withDatabase(file, (client) => keyStateOf(terminal, place, client));
  if (key === "other") {
    throw new CommandFailure(
      "other_master_key",
      "SCRIP_MASTER_KEY is not the key that this backup's secrets are sealed with",
      {
        hint: "Set the key of the server that the backup is of",
      },
    );
  }
  const { target, aside } = await terminal.working("Restoring", () =>
    place.server === null ? restoreFile(place, file, replace) : restoreServer(place.server, file),
  );
  const newestEventAt = await withDatabase(file, newestEvent);
  if (json) terminal.out(JSON.stringify({ status: "success", file, target, aside, newestEventAt, masterKey: key }));
  else tell(terminal, { target, aside, newestEventAt, key });
  return 0;
}

type Told = { target: string; aside: string | null; newestEventAt: string | null; key: KeyState };

function tell({ out, note, colors }: Terminal, { target, aside, newestEventAt, key }: Told): void {
  out(`${colors.green("✔")} ${target}: as of ${newestEventAt ?? "a time before its first event"}`);
  if (aside !== null) note(`  What was there is now ${aside}`);
  if (key === "not given")
    note("  SCRIP_MASTER_KEY is not set here, so it was not tried: the server needs that of the backup");
  note("  Now start the server. docs/deploying.md says what happens to what came after the backup");
}

type Restored = { target: string; aside: string | null };

async function restoreFile({ file: target }: DataPlace, backup: string, replace: boolean): Promise<Restored> {
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  if ((await isThere(target)) && !replace) {
    throw new CommandFailure("file_exists", `${target} is there already`, {
      hint: "Stop the server and say --replace: it is put aside, not deleted",
    });
  }
  const aside = await putAside(target);
  await writeWhole(target, { replace: false }, async (part) => {
    await copyFile(backup, part);
    const { uid, gid } = await stat(dirname(target));
    // made by root, it would be root's, and not the server's
    if (process.getuid?.() === 0) await chown(part, uid, gid);
  });
  return { target, aside };
}

/**
 * Leaving WAL mode takes along what is in the `-wal` file, and is granted only to whoever is alone with the database. Side
 * files that stay, of a damaged database or one that is gone, would be taken for the newest of the other.
 */
async function putAside(file: string): Promise<string | null> {
  const isTaken = await isThere(file);
  if (isTaken) {
    await withDatabase(file, (client) => client.execute("pragma journal_mode = delete")).catch((error: unknown) => {
      if (!/SQLITE_(?:BUSY|LOCKED)/.test(messageOf(error))) return;
      throw new CommandFailure("in_use", `${file} is in use`, { hint: "Stop the server first" });
    });
  }
  const aside = `${file}.${new Date().toISOString().replace(/[:.]/g, "-")}`;
  for (const end of ["", "-wal", "-shm"]) if (await isThere(file + end)) await rename(file + end, aside + end);
  return isTaken ? aside : null;
}

async function restoreServer(server: { url: string; authToken: string | null }, backup: string): Promise<Restored> {
  const client = openServer(server);
  try {
    await withDatabase(backup, (source) => fillServer(client, source));
    return { target: new URL(server.url).host, aside: null };
  } finally {
    client.close();
  }
}

async function withDatabase<T>(file: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = openDatabaseFile(file);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

async function newestEvent(client: Client): Promise<string | null> {
  const { rows } = await client.execute("select max(created_at) as newest from events");
  const newest = rows[0]?.newest;
  return typeof newest === "number" ? new Date(newest).toISOString() : null;
}
