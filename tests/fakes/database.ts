import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createClient } from "@libsql/client";
import { remoteOptions } from "../../engine/storage/remote-client.ts";
import { createStorage, driverWaitMs, type Storage } from "../../engine/storage.ts";
import { type LibsqlServer, startLibsqlServer } from "./libsql-server.ts";

/** Whether the tests' worlds stand on libSQL servers instead of files: `SCRIP_TEST_DATABASE=server`. */
export const onServer = process.env.SCRIP_TEST_DATABASE === "server";

const servers = new Map<string, { server: LibsqlServer; users: number }>();

/** A database of a test: what names it, for others who open the same, and a storage on it. */
export type TestDatabase = { name: string; storage: Storage; close(): Promise<void> };

/** Opens the database of a name, or makes one: a file in the folder, or a server that ends with its last user. */
export async function openDatabase(folder: string, name: string | undefined): Promise<TestDatabase> {
  if (!onServer) {
    const file = name ?? join(folder, "scrip.db");
    const storage = createStorage(createClient({ url: pathToFileURL(file).href, timeout: driverWaitMs }));
    return { name: file, storage, close: async () => undefined };
  }
  const known = servers.get(name ?? "") ?? { server: await startLibsqlServer(), users: 0 };
  const { url } = known.server;
  servers.set(url, known);
  known.users += 1;
  return {
    name: url,
    storage: createStorage(createClient({ url, ...remoteOptions(fetch) })),
    async close() {
      known.users -= 1;
      if (known.users > 0) return;
      servers.delete(url);
      await known.server.stop();
    },
  };
}
