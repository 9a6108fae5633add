import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import * as v from "valibot";
import { CommandFailure, isMissingFile } from "./failure.ts";
import type { Terminal } from "./terminal.ts";

/** How the operator names the server on the command line; what is left out is looked for elsewhere. */
export const ConnectionOptions = v.object({
  url: v.optional(v.string()),
  token: v.optional(v.string()),
  env: v.optional(v.string()),
});
export type ConnectionOptions = v.InferOutput<typeof ConnectionOptions>;

/** A server, and the right to manage it. `url` has no slash at its end. */
export type ServerConnection = { url: string; token: string };

/** The same, and an environment of it. */
export type Connection = ServerConnection & { environmentId: string };

/** What a development server leaves in its data folder. */
const DevFile = v.object({ url: v.string(), adminToken: v.string(), environmentId: v.string() });
type DevFile = v.InferOutput<typeof DevFile>;

/**
 * Finds the server: options first, then SCRIP_URL, SCRIP_ADMIN_TOKEN and SCRIP_ENVIRONMENT, then the `dev.json` of a
 * server on this machine. Its token is for its own address only and goes nowhere else. Fails saying what is missing.
 */
export async function findConnection(terminal: Terminal, options: ConnectionOptions): Promise<Connection> {
  const { url, token, environmentId } = await find(terminal, options);
  if (url === undefined || token === undefined || environmentId === undefined) {
    throw notConnected({ url, token, environmentId });
  }
  return { url, token, environmentId };
}

/** Finds the server in the same places, for what is not an environment's own. */
export async function findServer(
  terminal: Terminal,
  options: Omit<ConnectionOptions, "env">,
): Promise<ServerConnection> {
  const { url, token } = await find(terminal, options);
  if (url === undefined || token === undefined) throw notConnected({ url, token, environmentId: "" });
  return { url, token };
}

type Found = Record<"url" | "token" | "environmentId", string | undefined>;

async function find(terminal: Terminal, options: ConnectionOptions): Promise<Found> {
  const { env } = terminal;
  const given = {
    url: said(options.url) ?? said(env.SCRIP_URL),
    token: said(options.token) ?? said(env.SCRIP_ADMIN_TOKEN),
    environmentId: said(options.env) ?? said(env.SCRIP_ENVIRONMENT),
  };
  const dev = await readDevFile(terminal);
  const address = given.url ?? dev?.url;
  const url = address === undefined ? undefined : withoutSlash(address);
  const own = dev !== null && url === withoutSlash(dev.url) ? dev : null;
  const token = given.token ?? own?.adminToken;
  const environmentId = given.environmentId ?? own?.environmentId;
  return { url, token, environmentId };
}

function said(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === "" ? undefined : text.trim();
}

function withoutSlash(address: string): string {
  if (!/^https?:\/\//.test(address) || !URL.canParse(address)) {
    throw new CommandFailure("not_connected", `"${address}" is not the address of a server`, {
      hint: "Give one such as https://offers.example.com with --url or SCRIP_URL",
    });
  }
  return address.replace(/\/+$/, "");
}

function notConnected(found: Found): CommandFailure {
  const missing = [
    ...(found.url === undefined ? ["the server's address (--url or SCRIP_URL)"] : []),
    ...(found.token === undefined ? ["an admin token (SCRIP_ADMIN_TOKEN or --token)"] : []),
    ...(found.environmentId === undefined ? ["an environment (--env or SCRIP_ENVIRONMENT)"] : []),
  ];
  const hint = found.url === undefined ? "Or start a server here with `npm start`: it is found by itself" : undefined;
  return new CommandFailure("not_connected", `Missing: ${missing.join(", ")}`, { hint });
}

async function readDevFile({ cwd, packageDir, env }: Terminal): Promise<DevFile | null> {
  const dataDir = said(env.DATA_DIR);
  const folders = dataDir === undefined ? [join(cwd, "data"), join(packageDir, "data")] : [resolve(cwd, dataDir)];
  for (const folder of folders) {
    const file = join(folder, "dev.json");
    const text = await readFile(file, "utf8").catch((error: unknown) => {
      if (isMissingFile(error)) return null;
      throw error;
    });
    if (text !== null) return parseDevFile(file, text);
  }
  return null;
}

function parseDevFile(file: string, text: string): DevFile {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), DevFile), text);
  if (parsed.success) return parsed.output;
  throw new CommandFailure("not_connected", `${file} is not what a development server writes`, {
    hint: "Delete it and start the server again",
  });
}
