import { checkWorkflows, shownProblems } from "./check-workflows.ts";
import { problemLines, shownPath } from "./show-problems.ts";
import type { ExitCode, Terminal } from "./terminal.ts";

/** `scrip method check`: types and compilation of workflows, without a server. 1 when there is a problem. */
export async function checkMethods(
  terminal: Terminal,
  { files, json }: { files: readonly string[]; json: boolean },
): Promise<ExitCode> {
  const checked = await terminal.working("Checking", () => checkWorkflows(terminal, files));
  const count = checked.reduce((sum, { problems }) => sum + problems.length, 0);
  const exitCode = count === 0 ? 0 : 1;
  if (json) {
    terminal.out(JSON.stringify({ status: "success", ok: count === 0, files: checked }));
    return exitCode;
  }
  const { colors } = terminal;
  for (const workflow of checked) {
    if (workflow.problems.length === 0) terminal.out(`${colors.green("✔")} ${shownPath(terminal, workflow.file)}`);
    for (const line of await problemLines(terminal, shownProblems(workflow))) terminal.out(line);
  }
  if (count > 0) {
    const bad = checked.filter(({ problems }) => problems.length > 0).length;
    const of = checked.length === 1 ? "" : ` in ${bad} of ${checked.length} files`;
    terminal.out(`${colors.red("✖")} ${count} ${count === 1 ? "problem" : "problems"}${of}`);
  }
  return exitCode;
}
