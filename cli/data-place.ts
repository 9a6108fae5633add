import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Client, createClient } from "@libsql/client";
import { readSettings } from "../api/config.ts";
import { driverWaitMs } from "../engine/storage.ts";
import { openDatabaseFile } from "./database-file.ts";
import { CommandFailure, isMissingFile, type Problem } from "./failure.ts";
import type { Terminal } from "./terminal.ts";

/** Where a server keeps its data: a file in its data folder, or a database server, which then counts alone. */
export type DataPlace = {
  dataDir: string;
  file: string;
  server: { url: string; authToken: string | null } | null;
};

/** The data of the server whose environment variables these are. Fails naming those that cannot be used. */
export function readDataPlace({ cwd, env }: Terminal): DataPlace {
  const { DATA_DIR, DATABASE_URL, DATABASE_AUTH_TOKEN } = env;
  const read = readSettings({ DATA_DIR, DATABASE_URL, DATABASE_AUTH_TOKEN });
  if (!read.ok) {
    const problems = read.problems.map((message): Problem => ({ message, path: null, place: null }));
    throw new CommandFailure("invalid_settings", "The environment variables of the server cannot be used", {
      problems,
    });
  }
  const { dataDir: folder, databaseUrl, databaseAuthToken } = read.settings;
  const dataDir = resolve(cwd, folder);
  const isServer = databaseUrl !== null && !databaseUrl.startsWith("file:");
  return {
    dataDir,
    file: databaseUrl === null || isServer ? join(dataDir, "scrip.db") : resolve(cwd, pathOf(databaseUrl)),
    server: isServer ? { url: databaseUrl, authToken: databaseAuthToken } : null,
  };
}

/** The path of `file:data/x.db`, `file:/data/x.db` or `file:///data/x.db`, all of which the driver takes. */
function pathOf(url: string): string {
  return decodeURIComponent(url.replace(/^file:(?:\/\/[^/]*)?/, "").replace(/[?#].*$/, ""));
}

/** Opens the data as it is, for reading: makes and migrates nothing. Fails with `no_database` where no file is. */
export async function openData({ file, server }: DataPlace): Promise<Client> {
  if (server !== null) return openServer(server);
  if (await isThere(file)) return openDatabaseFile(file);
  throw new CommandFailure("no_database", `There is no database at ${file}`, {
    hint: "Set DATA_DIR, or DATABASE_URL, as the server has it",
  });
}

/** A client of a database server. */
export function openServer({ url, authToken }: { url: string; authToken: string | null }): Client {
  return createClient({ url, timeout: driverWaitMs, ...(authToken === null ? {} : { authToken }) });
}

/** Whether a file or folder is there. */
export async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if (isMissingFile(error)) return false;
      throw error;
    },
  );
}
