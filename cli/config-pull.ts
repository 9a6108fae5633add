import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { documentFile, shownServer } from "./config-difference.ts";
import { type ConnectionOptions, findConnection } from "./connection.ts";
import { workflowReferences } from "./document.ts";
import { documentLayout, saysTheSame } from "./document-layout.ts";
import { CommandFailure, isMissingFile } from "./failure.ts";
import { getConfig, type Server } from "./server.ts";
import { shownPath } from "./show-problems.ts";
import { contentHash, type InStep, readState, writeState } from "./state-file.ts";
import type { ExitCode, Terminal } from "./terminal.ts";
import { workflowTsconfig, workflowTypes } from "./workflow-types.ts";

/** What pulling did with a file. `kept` has changes of the operator's own, where the server's are the same as before. */
type Outcome = "created" | "updated" | "unchanged" | "kept" | "conflict";

type PulledFile = { path: string; text: string; outcome: Outcome; inStep: InStep };

export type PullOptions = ConnectionOptions & { file?: string | undefined; force: boolean; json: boolean };

/**
 * `scrip config pull`: writes the server's configuration as a document, workflow files and types for the editor. A file
 * with changes of the operator's own is never overwritten without `force`: then nothing is written at all.
 */
export async function pullConfig(terminal: Terminal, options: PullOptions): Promise<ExitCode> {
  const server: Server = { ...(await findConnection(terminal, options)), terminal };
  const document = await documentFile(terminal, options.file);
  const { version, config } = await terminal.working(`Pulling ${server.environmentId}`, () => getConfig(server));
  const wanted = new Map([
    ...documentLayout(config, basename(document), await workflowReferences(document)),
    ...(await typeFiles(terminal, dirname(document))),
  ]);
  const state = await readState(document, server);
  const compared = [...wanted].map(([path, text]) => comparedFile(dirname(document), path, text, state?.files[path]));
  const files = (await Promise.all(compared)).map((file) => (options.force ? forced(file) : file));
  refuseConflicts(terminal, document, files);
  for (const { path, text, outcome } of files) {
    if (outcome !== "created" && outcome !== "updated") continue;
    await mkdir(dirname(join(dirname(document), path)), { recursive: true });
    await writeFile(join(dirname(document), path), text);
  }
  const known = Object.fromEntries(files.filter(isTracked).map(({ path, inStep }) => [path, inStep]));
  await writeState(document, server, { version, files: known });
  const unused = Object.keys(state?.files ?? {}).filter((path) => !wanted.has(path));
  report(server, { document, version, files, unused, json: options.json });
  return 0;
}

/** The operator's own `tsconfig.json` is nothing to be in step with. */
function isTracked({ path }: PulledFile): boolean {
  return path !== "tsconfig.json";
}

/** The types beside the document; a `tsconfig.json` only where there is none. */
async function typeFiles({ packageDir }: Terminal, folder: string): Promise<[string, string][]> {
  const types = [...(await workflowTypes(packageDir))].map(([name, text]): [string, string] => [`types/${name}`, text]);
  if ((await readIfThere(join(folder, "tsconfig.json"))) !== null) return types;
  return [...types, ["tsconfig.json", workflowTsconfig(["**/*.wf.ts", "**/*.wf.js", "types"])]];
}

async function comparedFile(folder: string, path: string, text: string, base?: InStep): Promise<PulledFile> {
  const there = contentHash(text);
  const written = { here: there, there };
  const disk = await readIfThere(join(folder, path));
  if (disk === null) return { path, text, outcome: "created", inStep: written };
  const here = contentHash(disk);
  if (saysTheSame(path, disk, text)) return { path, text, outcome: "unchanged", inStep: { here, there } };
  const changedHere = base?.here !== here;
  const changedThere = base?.there !== there;
  if (base === undefined || (changedHere && changedThere)) return { path, text, outcome: "conflict", inStep: written };
  if (changedThere) return { path, text, outcome: "updated", inStep: written };
  return { path, text, outcome: changedHere ? "kept" : "unchanged", inStep: base };
}

function forced({ path, text, outcome, inStep }: PulledFile): PulledFile {
  const overwrites = outcome === "conflict" || outcome === "kept";
  if (!overwrites) return { path, text, outcome, inStep };
  return { path, text, outcome: "updated", inStep: { here: contentHash(text), there: contentHash(text) } };
}

function refuseConflicts(terminal: Terminal, document: string, files: readonly PulledFile[]): void {
  const conflicts = files.filter(({ outcome }) => outcome === "conflict");
  if (conflicts.length === 0) return;
  const problems = conflicts.map(({ path }) => ({
    path: shownPath(terminal, join(dirname(document), path)),
    message: "differs from what the server has",
    place: null,
  }));
  throw new CommandFailure("local_changes", "Nothing was pulled, because changes of yours would be lost", {
    hint: "See them with `scrip config diff`; `scrip config pull --force` overwrites them",
    problems,
  });
}

type Pull = { document: string; version: number; files: PulledFile[]; unused: string[]; json: boolean };

function report(server: Server, { document, version, files, unused, json }: Pull): void {
  const { terminal, url, environmentId } = server;
  const { colors } = terminal;
  if (json) {
    const list = files.map(({ path, outcome }) => ({ path, outcome }));
    terminal.out(JSON.stringify({ status: "success", url, environmentId, version, document, files: list, unused }));
    return;
  }
  const paint = { created: colors.green, updated: colors.yellow, unchanged: colors.dim, kept: colors.cyan } as const;
  for (const { path, outcome } of files) {
    if (outcome === "conflict") continue;
    const shown = shownPath(terminal, join(dirname(document), path));
    terminal.out(`  ${paint[outcome](outcome.padEnd(9))}  ${shown}${outcome === "kept" ? "  (your changes)" : ""}`);
  }
  for (const path of unused) terminal.out(`  ${colors.dim("unused     ")}${path}  (no method refers to it any more)`);
  terminal.out(`${colors.green("✔")} Pulled version ${version} of ${shownServer(server)}`);
}

async function readIfThere(file: string): Promise<string | null> {
  return readFile(file, "utf8").catch((error: unknown) => {
    if (isMissingFile(error)) return null;
    throw error;
  });
}
