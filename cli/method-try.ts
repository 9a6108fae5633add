import { readFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { type ConnectionOptions, findConnection } from "./connection.ts";
import { CommandFailure, isMissingFile, type Problem, unreadable } from "./failure.ts";
import { placedIn } from "./issue-places.ts";
import { didWork, runLines } from "./run-lines.ts";
import { postTry, type Server, type TryAnswer } from "./server.ts";
import { problemLines } from "./show-problems.ts";
import { type ExitCode, printable, type Terminal } from "./terminal.ts";

export type TryOptions = ConnectionOptions & {
  target: string;
  method?: string | undefined;
  offer?: string | undefined;
  plan?: string | undefined;
  as?: string | undefined;
  anonymous: boolean;
  json: boolean;
};

/** What to try: a method as it is on the server, or with the source of a file in its place. */
type Target = { slug: string; file: string | null; source: string | null };

/** `scrip method try`: runs a workflow for real, without redeeming anything. 1 when the workflow broke. */
export async function tryMethod(terminal: Terminal, options: TryOptions): Promise<ExitCode> {
  const target = await findTarget(terminal, options);
  const server: Server = { ...(await findConnection(terminal, options)), terminal };
  const tried = await terminal.working(`Trying ${target.slug}`, () => send(server, target, options));
  const ok = didWork(tried.run);
  if (options.json) {
    terminal.out(JSON.stringify({ status: "success", ok, method: target.slug, ...tried }));
    return ok ? 0 : 1;
  }
  const { colors } = terminal;
  terminal.out(headLine(terminal, target, tried, options));
  if (tried.secretsMasked) {
    terminal.out(colors.yellow("without secrets: each is *** to a source of your own, unless your role is publisher"));
  }
  for (const line of runLines(tried.run, colors)) terminal.out(line);
  for (const line of await problemLines(terminal, brokenAt(target, tried))) terminal.out(line);
  terminal.out(colors.dim(`event ${printable(tried.eventId)}`));
  return ok ? 0 : 1;
}

async function findTarget({ cwd }: Terminal, { target, method }: TryOptions): Promise<Target> {
  const file = resolve(cwd, target);
  const isNamedAsFile = /\.[cm]?[jt]s$/.test(target);
  try {
    const source = await readFile(file, "utf8");
    return { slug: method ?? basename(file).replace(/(\.wf)?\.[cm]?[jt]s$/, ""), file, source };
  } catch (error) {
    if (isNamedAsFile || !isMissingFile(error)) {
      throw new CommandFailure("workflow_unreadable", `Cannot read ${file}: ${unreadable(error)}`);
    }
    return { slug: method ?? target, file: null, source: null };
  }
}

async function send(server: Server, { slug, file, source }: Target, options: TryOptions): Promise<TryAnswer> {
  const { offer, plan, anonymous } = options;
  const body = {
    workflow: source,
    userType: anonymous ? "anonymous" : "authenticated",
    offer: offer ?? null,
    plan: plan ?? null,
    identifier: identifierOf(options),
  };
  try {
    return await postTry(server, slug, body);
  } catch (error) {
    if (!(error instanceof CommandFailure) || file === null) throw error;
    const problems = error.problems.map((problem) => placedIn(problem, file));
    throw new CommandFailure(error.code, error.message, { hint: error.hint, problems });
  }
}

function headLine({ colors }: Terminal, { slug, source }: Target, { offer, plan }: TryAnswer, options: TryOptions) {
  const who = `as ${identifierOf(options)}${options.anonymous ? " (anonymous)" : ""}`;
  const parts = [`offer ${offer}`, ...(plan === null ? [] : [`plan ${plan}`]), who];
  const which = source === null ? " (the version in force)" : "";
  return `${colors.bold(slug)}${which}  ${colors.dim(printable(parts.join(" · ")))}`;
}

function identifierOf({ as, anonymous }: TryOptions): string {
  return as ?? (anonymous ? "visitor" : "buyer@example.com");
}

/** Where in the file the workflow threw, when the server could tell. */
function brokenAt({ file }: Target, { run }: TryAnswer): Problem[] {
  if (file === null || run.verdict.kind !== "broken") return [];
  const [, line, column] = /\(line (\d+), column (\d+)\)$/.exec(run.verdict.reason) ?? [];
  if (line === undefined) return [];
  return [{ message: "threw here", path: null, place: { file, line: Number(line), column: Number(column) } }];
}
