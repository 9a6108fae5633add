import { askDifference, documentFile, showDifference, shownServer } from "./config-difference.ts";
import { type ConnectionOptions, findConnection } from "./connection.ts";
import { readDocument } from "./document.ts";
import type { Server } from "./server.ts";
import { shownPath } from "./show-problems.ts";
import { readState } from "./state-file.ts";
import type { ExitCode, Terminal } from "./terminal.ts";

export type DiffOptions = ConnectionOptions & { file?: string | undefined; json: boolean };

/** `scrip config diff`: what pushing the document would change. 0 when nothing, 1 when something. */
export async function diffConfig(terminal: Terminal, options: DiffOptions): Promise<ExitCode> {
  const server: Server = { ...(await findConnection(terminal, options)), terminal };
  const document = await readDocument(await documentFile(terminal, options.file));
  const state = await readState(document.file, server);
  const applied = await askDifference(server, document);
  const { version, changed, difference } = applied;
  const pulledVersion = state?.version ?? null;
  if (options.json) {
    terminal.out(JSON.stringify({ status: "success", version, pulledVersion, changed, difference }));
    return changed ? 1 : 0;
  }
  const { colors } = terminal;
  const file = shownPath(terminal, document.file);
  if (!changed) {
    terminal.out(`${colors.green("✔")} ${file} says the same as version ${version} of ${shownServer(server)}`);
    return 0;
  }
  terminal.out(colors.dim(`version ${version} of ${shownServer(server)} → ${file}`));
  showDifference(server, document, applied);
  if (pulledVersion !== null && pulledVersion !== version) {
    terminal.note(
      colors.yellow(`You pulled version ${pulledVersion}: what came since shows here as if you had undone it`),
    );
  }
  return 1;
}
