import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Client } from "@libsql/client";
import { createVault, vaultCheck } from "../engine/vault.ts";
import type { DataPlace } from "./data-place.ts";
import { isMissingFile } from "./failure.ts";
import type { Terminal } from "./terminal.ts";

/** Whether a database's secrets can be opened. `unbegun`: no server has been started on it yet, and any key will do. */
export type KeyState = "opens" | "other" | "unbegun" | "not given";

/** Tries the master key of the environment variables, or else the one that development leaves in the data folder. */
export async function keyStateOf({ env }: Terminal, { dataDir }: DataPlace, client: Client): Promise<KeyState> {
  const { rows } = await client.execute({ sql: "select value from server_facts where name = ?", args: [vaultCheck] });
  const sealed = rows[0]?.value;
  if (typeof sealed !== "string") return "unbegun";
  const { SCRIP_MASTER_KEY: given = "" } = env;
  const key = given === "" ? await developmentKey(dataDir) : given;
  if (key === null) return "not given";
  const vault = await createVault(key);
  return vault.open(sealed, vaultCheck).then(
    () => "opens",
    () => "other",
  );
}

async function developmentKey(dataDir: string): Promise<string | null> {
  return readFile(join(dataDir, "master.key"), "utf8").catch((error: unknown) => {
    if (isMissingFile(error)) return null;
    throw error;
  });
}
