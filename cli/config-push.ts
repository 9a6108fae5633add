import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { askDifference, documentFile, showDifference, shownServer } from "./config-difference.ts";
import { type ConnectionOptions, findConnection } from "./connection.ts";
import { type ConfigDocument, readDocument, workflowReferences } from "./document.ts";
import { documentLayout } from "./document-layout.ts";
import { CommandFailure } from "./failure.ts";
import { type Applied, getConfig, putConfig, type Server } from "./server.ts";
import { shownPath } from "./show-problems.ts";
import { contentHash, readState, writeState } from "./state-file.ts";
import type { ExitCode, Terminal } from "./terminal.ts";

export type PushOptions = ConnectionOptions & {
  file?: string | undefined;
  yes: boolean;
  force: boolean;
  json: boolean;
};

/**
 * `scrip config push`: shows what would change, asks, and applies it to the very version that was shown. Refuses when the
 * server went on since the last pull, unless `force`. 1 when the operator says no.
 */
export async function pushConfig(terminal: Terminal, options: PushOptions): Promise<ExitCode> {
  const server: Server = { ...(await findConnection(terminal, options)), terminal };
  const document = await readDocument(await documentFile(terminal, options.file));
  const planned = await askDifference(server, document);
  if (planned.changed) {
    await refuseStale(server, document, planned, options.force);
    if (!options.json) showDifference(server, document, planned);
    if (!options.yes && !(await isConfirmed(server, planned, options.json))) {
      terminal.note("Nothing was applied");
      return 1;
    }
  }
  const applying = () => putConfig(server, document.config, { expectedVersion: planned.version });
  const applied = planned.changed ? await terminal.working(`Applying to ${server.environmentId}`, applying) : planned;
  await remember(server, document, applied.version);
  report(server, document, applied, options.json);
  return 0;
}

async function refuseStale(server: Server, { file }: ConfigDocument, { version }: Applied, force: boolean) {
  const state = await readState(file, server);
  if (state === null) {
    server.terminal.note(`This document was not pulled from ${shownServer(server)}: it replaces version ${version}`);
    return;
  }
  if (state.version === version || force) return;
  const message = `${shownServer(server)} is at version ${version} by now, and you pulled version ${state.version}`;
  throw new CommandFailure("config_conflict", message, {
    hint: "`scrip config pull` gets the changes and tells what of yours they touch; `--force` applies yours over them",
  });
}

async function isConfirmed(server: Server, { version }: Applied, json: boolean): Promise<boolean> {
  const { terminal } = server;
  if (json || !terminal.interactive) {
    const why = json ? "--json does not ask" : "nobody is there to be asked";
    throw new CommandFailure("not_confirmed", `Nothing was applied, because ${why}`, {
      hint: "Add --yes to apply without asking",
    });
  }
  const answer = await terminal.ask(`Apply to ${shownServer(server)} as version ${version + 1}? [y/N] `);
  return /^y(es)?$/i.test(answer.trim());
}

/** From here on the files and the server are in step. */
async function remember(server: Server, { file }: ConfigDocument, version: number): Promise<void> {
  const { config } = await getConfig(server, version);
  const layout = documentLayout(config, basename(file), await workflowReferences(file));
  const state = await readState(file, server);
  const inStep = [...layout].map(async ([path, text]) => {
    // a workflow that stands in the document itself has no file to be in step
    const here = await readFile(join(dirname(file), path), "utf8").catch(() => null);
    return here === null ? [] : [[path, { here: contentHash(here), there: contentHash(text) }] as const];
  });
  const files = Object.fromEntries((await Promise.all(inStep)).flat());
  await writeState(file, server, { version, files: { ...state?.files, ...files } });
}

function report(server: Server, document: ConfigDocument, applied: Applied, json: boolean): void {
  const { terminal } = server;
  const { version, changed, difference } = applied;
  if (json) {
    terminal.out(JSON.stringify({ status: "success", version, changed, difference }));
    return;
  }
  const file = shownPath(terminal, document.file);
  const done = changed ? "Applied as version" : "Nothing to apply: it says the same as version";
  terminal.out(`${terminal.colors.green("✔")} ${file}: ${done} ${version} of ${shownServer(server)}`);
}
