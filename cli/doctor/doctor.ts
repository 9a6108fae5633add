import { readSettings, type Settings } from "../../api/config.ts";
import { readDataPlace } from "../data-place.ts";
import { type ExitCode, printable, type Terminal } from "../terminal.ts";
import { checkAddresses } from "./addresses.ts";
import { checkDatabase, type DatabaseSeen } from "./database.ts";
import { checkEnvironments } from "./environments.ts";
import { type Checked, type Finding, find } from "./findings.ts";
import { checkFolder } from "./folder.ts";
import { checkSandbox } from "./sandbox.ts";
import { checkStripe } from "./stripe.ts";

/**
 * `scrip doctor`: looks at a deployment from the machine that it runs on, with the environment variables of its server.
 * Tells what is wrong and what to do. Changes nothing, but that SQLite may leave its side files. 1: there is an error.
 */
export async function runDoctor(terminal: Terminal, { json }: { json: boolean }): Promise<ExitCode> {
  const checked: Checked[] = [];
  const tell = (one: Checked) => {
    checked.push(one);
    if (!json) print(terminal, one);
  };
  const read = readSettings(terminal.env);
  tell(checkSettings(read));
  if (read.ok) await lookAround(terminal, read.settings, tell);
  const found = checked.flatMap(({ findings }) => findings);
  const errors = found.filter(({ level }) => level === "error").length;
  if (json) terminal.out(JSON.stringify({ status: "success", ok: errors === 0, checked }));
  else summarise(terminal, errors, found.length - errors);
  return errors === 0 ? 0 : 1;
}

type Tell = (checked: Checked) => void;

/** One after another, because each may take all of the machine. */
async function lookAround(terminal: Terminal, settings: Settings, tell: Tell): Promise<void> {
  const place = readDataPlace(terminal);
  if (place.server === null) tell(await checkFolder(place));
  const seen: DatabaseSeen = await terminal.working("Reading the database", () => checkDatabase(terminal, place));
  tell(seen.checked);
  tell(await terminal.working("Starting a sandbox", () => checkSandbox()));
  const addresses = await checkAddresses(terminal, settings);
  tell(addresses.checked);
  if (seen.client === null) return;
  try {
    const environments = await checkEnvironments(seen.client, { serverAnswers: addresses.serverAnswers });
    tell(environments.checked);
    if (settings.production && environments.hasStripe) tell(await checkStripe(terminal));
  } finally {
    seen.client.close();
  }
}

function checkSettings(read: ReturnType<typeof readSettings>): Checked {
  if (!read.ok) {
    return { about: "settings", seen: "", findings: read.problems.map((problem) => find("settings_invalid", problem)) };
  }
  return { about: "settings", seen: read.settings.production ? "production" : "development", findings: [] };
}

function print(terminal: Terminal, { about, seen, findings }: Checked): void {
  const { colors, out } = terminal;
  if (findings.length === 0) out(`${colors.green("✔")} ${about}: ${printable(seen)}`);
  for (const finding of findings) {
    out(`${signOf(terminal, finding)} ${about}: ${printable(finding.message)}  ${colors.dim(finding.code)}`);
    out(`    ${finding.advice}`);
  }
}

function signOf({ colors }: Terminal, { level }: Finding): string {
  return level === "error" ? colors.red("✖") : colors.yellow("!");
}

function summarise({ out, colors }: Terminal, errors: number, warnings: number): void {
  const counts = `${errors} ${errors === 1 ? "error" : "errors"}, ${warnings} ${warnings === 1 ? "warning" : "warnings"}`;
  out(errors > 0 ? colors.red(counts) : counts);
}
