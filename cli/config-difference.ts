import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { differenceCount, differenceLines } from "./difference-lines.ts";
import type { ConfigDocument } from "./document.ts";
import { CommandFailure } from "./failure.ts";
import { placed } from "./issue-places.ts";
import { type Applied, putConfig, type Server } from "./server.ts";
import { shownPath } from "./show-problems.ts";
import type { Terminal } from "./terminal.ts";

/** The document's file when none is named. */
export const defaultDocument = "scrip.config.json";

/** The absolute path of the document that the operator named, or whose folder they named. */
export async function documentFile({ cwd }: Terminal, named: string | undefined): Promise<string> {
  const file = resolve(cwd, named ?? defaultDocument);
  const isFolder = named?.endsWith("/") || (await stat(file).catch(() => null))?.isDirectory();
  return isFolder ? join(file, defaultDocument) : file;
}

/** What applying a document would change. Fails with the document's problems, placed in the operator's files. */
export async function askDifference(server: Server, document: ConfigDocument): Promise<Applied> {
  try {
    const dryRun = () => putConfig(server, document.config, { dryRun: true });
    return await server.terminal.working(`Comparing with ${server.environmentId}`, dryRun);
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    const { code, message, hint } = error;
    throw new CommandFailure(code, message, { hint, problems: error.problems.map((it) => placed(it, document)) });
  }
}

/** Prints what differs between a document and the server. */
export function showDifference(server: Server, document: ConfigDocument, applied: Applied): void {
  const { terminal } = server;
  const fileOf = (path: string) => workflowFileOf(terminal, document, path);
  for (const line of differenceLines(applied.difference, terminal.colors, fileOf)) terminal.out(line);
  terminal.out(terminal.colors.bold(differenceCount(applied.difference)));
}

/** Where the compared configuration is: `env_preview at http://127.0.0.1:8787`. */
export function shownServer({ environmentId, url }: Server): string {
  return `${environmentId} at ${url}`;
}

function workflowFileOf(terminal: Terminal, { config, workflowFiles }: ConfigDocument, path: string): string | null {
  const [, slug] = /^redemptionMethods\.([^.]+)\.workflow$/.exec(path) ?? [];
  const methods = config.redemptionMethods;
  if (slug === undefined || !Array.isArray(methods)) return null;
  const position = methods.findIndex(
    (method) => typeof method === "object" && method !== null && !Array.isArray(method) && method.slug === slug,
  );
  const file = workflowFiles[position] ?? null;
  return file === null ? null : shownPath(terminal, file);
}
