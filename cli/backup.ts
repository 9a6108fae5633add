import { stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type DataPlace, isThere, openData, openServer, readDataPlace } from "./data-place.ts";
import { checkDatabaseFile, openDatabaseFile, writeWhole } from "./database-file.ts";
import { loadDump } from "./dump.ts";
import { CommandFailure, messageOf } from "./failure.ts";
import type { ExitCode, Terminal } from "./terminal.ts";

/** Where the backup goes. */
export type BackupOptions = { file: string; json: boolean };

/**
 * `scrip backup <file>`: writes the data as they are at one moment to a new database file, while servers run. The file is
 * readable by its owner alone, was read through once, and appears when it is complete. The master key is not in it.
 */
export async function runBackup(terminal: Terminal, { file: named, json }: BackupOptions): Promise<ExitCode> {
  const file = resolve(terminal.cwd, named);
  const place = readDataPlace(terminal);
  if (await isThere(file))
    throw new CommandFailure("file_exists", `${file} is there already`, { hint: "Name another file" });
  if (!(await isThere(dirname(file)))) throw new CommandFailure("no_folder", `There is no folder ${dirname(file)}`);
  const startedMs = performance.now();
  await terminal.working("Backing up", () =>
    writeWhole(file, { replace: false }, async (part) => {
      await (place.server === null ? copyFile(place, part) : copyServer(terminal, place.server, part));
      await checkDatabaseFile(part);
    }),
  );
  const { size: bytes } = await stat(file);
  const elapsedMs = Math.round(performance.now() - startedMs);
  if (json) terminal.out(JSON.stringify({ status: "success", file, bytes, elapsedMs }));
  else {
    terminal.out(`${terminal.colors.green("✔")} ${file}: ${(bytes / 1e6).toFixed(1)} MB, whole, in ${elapsedMs} ms`);
    terminal.note("  The master key is not in it, and without it the secrets in it cannot be read: keep both, apart");
  }
  return 0;
}

/** One statement reads one state of the database; those who write meanwhile are not held up. */
async function copyFile(place: DataPlace, part: string): Promise<void> {
  const client = await openData(place);
  try {
    await client.execute({ sql: "vacuum into ?", args: [part] });
  } finally {
    client.close();
  }
}

async function copyServer(terminal: Terminal, server: { url: string; authToken: string | null }, part: string) {
  // asked first, because a wrong address or token is told in better words
  const client = openServer(server);
  await client.execute("select 1").catch((error: unknown) => {
    throw new CommandFailure(
      "unreachable",
      `The database at ${new URL(server.url).host} does not answer: ${messageOf(error)}`,
    );
  });
  client.close();
  const url = new URL("dump", server.url.replace(/^libsql:/, "https:").replace(/^ws(s?):/, "http$1:"));
  const headers = server.authToken === null ? {} : { authorization: `Bearer ${server.authToken}` };
  const response = await terminal.fetch(url, { headers });
  if (!response.ok || response.body === null) {
    throw new CommandFailure(
      "unreachable",
      `${url.host} gives no dump of its database: it answered ${response.status}`,
    );
  }
  const copy = openDatabaseFile(part);
  try {
    await loadDump(copy, response.body);
  } finally {
    copy.close();
  }
}
