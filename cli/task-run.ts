import type { TaskRunAnswer } from "../schemas/tasks.ts";
import { type ConnectionOptions, findServer } from "./connection.ts";
import { type Host, postTaskRun } from "./server.ts";
import { type ExitCode, printable, type Terminal } from "./terminal.ts";

/** Which task, at which server. */
export type TaskOptions = Omit<ConnectionOptions, "env"> & { name: string; json: boolean };

/** `scrip reconcile` and `scrip prune`: runs a task of the server now and tells how it went. */
export async function runTask(terminal: Terminal, { name, json, ...options }: TaskOptions): Promise<ExitCode> {
  const host: Host = { ...(await findServer(terminal, options)), terminal };
  const answer = await terminal.working(`Running ${name}`, () => postTaskRun(host, name));
  if (json) terminal.out(JSON.stringify(answer));
  else report(host, answer);
  return answer.outcome?.ok ? 0 : 1;
}

function report({ terminal, url }: Host, { task, startedAt, outcome }: TaskRunAnswer): void {
  const { colors } = terminal;
  if (outcome === null) {
    terminal.note(`${colors.yellow("!")} ${task} is running at ${url} already, since ${startedAt}: nothing was begun`);
    return;
  }
  const { ok, counts, failures } = outcome;
  for (const line of countLines(counts)) terminal.out(`  ${line}`);
  if (ok) {
    terminal.out(`${colors.green("✔")} ${task} at ${url}`);
    return;
  }
  for (const failure of failures) terminal.note(`  ${printable(failure)}`);
  terminal.note(`${colors.red("✖")} ${task} at ${url} did not do everything; what it left is tried again`);
}

/** What each count says, in the order of the lines. A count that there is no word for is told by its name. */
const words = new Map([
  ["asked", "pending purchases Stripe was asked about"],
  ["completed", "completed"],
  ["expired", "expired"],
  ["failed", "not paid: the payment failed"],
  ["waiting", "waiting for a payment that is on its way"],
  ["open", "still open"],
  ["unknown", "not known to Stripe"],
  ["unasked", "not asked about, because Stripe does not answer"],
  ["events", "events of Stripe that had not come by webhook"],
  ["errors", "failures"],
  ["purchasesDeleted", "expired purchases deleted"],
  ["tokensDeleted", "purchase tokens deleted"],
  ["stripeEventsDeleted", "records of Stripe's events deleted"],
  ["effectsDeleted", "workflows' changes forgotten"],
  ["sessionsDeleted", "members' sessions deleted"],
  ["webhookMessagesDeleted", "webhook messages deleted"],
]);

/** What there was none of is left out, but for what was asked. */
function countLines(counts: Record<string, number>): string[] {
  const names = [...words.keys(), ...Object.keys(counts).filter((name) => !words.has(name))];
  const shown = names.filter((name) => name === "asked" || (counts[name] ?? 0) > 0);
  return shown.map((name) => `${String(counts[name] ?? 0).padStart(6)}  ${printable(words.get(name) ?? name)}`);
}
