import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Command, CommanderError } from "commander";
import * as v from "valibot";
import { addConfigCommands } from "./config-commands.ts";
import { addDataCommands } from "./data-commands.ts";
import { CommandFailure, messageOf } from "./failure.ts";
import { addMethodCommands } from "./method-commands.ts";
import { problemLines } from "./show-problems.ts";
import { addTaskCommands } from "./task-commands.ts";
import { type ExitCode, printable, type Runner, type Terminal } from "./terminal.ts";

/**
 * The whole command line: runs what `argv` says (without node and script) and resolves with the exit code. 0: done; 1:
 * done, and the answer is no (different, problems, broken); 2: could not be done. Never rejects.
 */
export async function runScrip(terminal: Terminal, argv: readonly string[]): Promise<ExitCode> {
  const json = argv.includes("--json");
  let exitCode: ExitCode = 0;
  try {
    const program = createProgram(terminal, await versionOf(terminal), json, async (work) => {
      exitCode = await work(terminal);
    });
    await program.parseAsync(argv.length === 0 ? ["--help"] : [...argv], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    if (terminal.env.SCRIP_DEBUG === "1" && error instanceof Error) terminal.note(error.stack ?? error.message);
    await reportFailure(terminal, failureOf(error), json);
    return 2;
  }
}

function createProgram(terminal: Terminal, version: string, json: boolean, run: Runner): Command {
  const program = new Command("scrip")
    .description("Operate a Scrip server: its configuration, its redemption methods, its scheduled tasks and its data")
    .version(version, "-V, --version", "print the version")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text.replace(/\n$/, "")),
      outputError: (text, write) => write(`${terminal.colors.red("✖")} ${text.replace(/^error: /, "")}`),
      // with --json the error is told once, as JSON
      writeErr: (text) => {
        if (!json) terminal.note(text.replace(/\n$/, ""));
      },
    })
    .showHelpAfterError("(see --help)")
    .addHelpText("after", help);
  program
    .command("start")
    .description("start the server")
    .addHelpText("after", startHelp)
    .action(() => run(async () => (await import("./start.ts")).startServer()));
  addConfigCommands(program, run);
  addMethodCommands(program, run);
  addTaskCommands(program, run);
  addDataCommands(program, run);
  return program;
}

const help = `
Examples:
  scrip start                                      start the server, with a demo when there is nothing yet
  scrip config pull site/scrip.config.json         get the configuration as files
  scrip config diff site/scrip.config.json         what pushing it would change
  scrip config push site/scrip.config.json         apply it as the next version
  scrip method check site/workflows/*.wf.ts        type-check workflows, offline
  scrip method try site/workflows/checkout.wf.ts   run one for real, without redeeming
  scrip reconcile                                  ask Stripe about what no webhook told
  scrip prune                                      end purchases that nobody will pay for any more
  scrip backup /var/backups/scrip.db               write all data to a file, while the server runs
  scrip doctor                                     say what is wrong with a deployment, and what to do

The server is the one of --url, --token and --env; or of SCRIP_URL, SCRIP_ADMIN_TOKEN and SCRIP_ENVIRONMENT; or the one
that \`scrip start\` left in data/dev.json.

Exit codes: 0 done; 1 done, and the answer is no (different, problems, broken, declined); 2 could not be done.`;

const startHelp = `
Environment variables: HOST (127.0.0.1), PORT (8787), DATA_DIR (./data), DATABASE_URL, STRIPE_SECRET_KEY, and in
production SCRIP_MASTER_KEY, SCRIP_ADMIN_TOKEN and PUBLIC_URL.

Example:
  PORT=9000 scrip start`;

async function versionOf({ packageDir }: Terminal): Promise<string> {
  const text = await readFile(join(packageDir, "package.json"), "utf8");
  return v.parse(v.pipe(v.string(), v.parseJson(), v.object({ version: v.string() })), text).version;
}

function failureOf(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error;
  if (error instanceof CommanderError) return new CommandFailure("usage", error.message.replace(/^error: /, ""));
  return new CommandFailure("internal_error", `scrip failed: ${messageOf(error)}`, {
    hint: "This is a fault of scrip: SCRIP_DEBUG=1 shows where it happened",
  });
}

async function reportFailure(terminal: Terminal, failure: CommandFailure, json: boolean): Promise<void> {
  const { code, message, hint, problems } = failure;
  const { colors } = terminal;
  if (json) {
    terminal.out(JSON.stringify({ status: "error", code, message, hint: hint ?? null, problems }));
    return;
  }
  // commander has told its own already
  if (code === "usage") return;
  for (const line of await problemLines(terminal, problems)) terminal.note(line);
  terminal.note(`${colors.red("✖")} ${printable(message)}`);
  if (hint !== undefined) terminal.note(`  ${printable(hint)}`);
}
