import * as v from "valibot";
import { Json } from "../schemas/json.ts";
import type { HostCall, RunReport } from "./run-report.ts";
import { type Colors, printable } from "./terminal.ts";

const mostValueLines = 30;

/** A run as lines: how it came out, what it logged, what it called. */
export function runLines(run: RunReport, colors: Colors): string[] {
  return [...verdictLines(run, colors), ...logLines(run, colors), ...callLines(run, colors)];
}

/** Whether the workflow gave a valid result, be it a success or a refusal. */
export function didWork({ verdict }: RunReport): boolean {
  return verdict.kind === "result";
}

function verdictLines({ verdict, error, wallMs, cpuMs }: RunReport, colors: Colors): string[] {
  const times = colors.dim(`${milliseconds(wallMs)}, CPU ${milliseconds(cpuMs)}`);
  if (verdict.kind !== "result") {
    const said = verdict.kind === "broken" ? "The workflow broke" : "The workflow could not be run";
    const frames = (error?.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
    return [
      `${colors.red("✖")} ${colors.bold(said)}  ${times}`,
      `  ${colors.red(printable(verdict.reason))}`,
      ...frames.map((line) => colors.dim(printable(line))),
    ];
  }
  const { success, statusCode, message, url, properties } = verdict.result;
  const status = statusCode ?? (success ? 200 : 400);
  const head = success ? `${colors.green("✔")} success` : `${colors.yellow("●")} refused`;
  return [
    `${head} ${colors.bold(String(status))}  ${times}`,
    ...(message === undefined ? [] : [`  message     ${printable(message)}`]),
    ...(url === undefined ? [] : [`  navigate    ${colors.cyan(printable(url))}`]),
    ...(properties === undefined ? [] : valueLines("properties", properties)),
  ];
}

function valueLines(name: string, value: Json): string[] {
  const lines = printable(JSON.stringify(value, null, 2)).split("\n");
  const shown = lines.slice(0, mostValueLines).map((line, i) => `  ${(i === 0 ? name : "").padEnd(12)}${line}`);
  return lines.length > mostValueLines ? [...shown, `${" ".repeat(14)}… (--json shows all)`] : shown;
}

function logLines({ logs, logsTruncated }: RunReport, colors: Colors): string[] {
  if (logs.length === 0) return [];
  const paint = (level: string) => (text: string) => {
    if (level === "error") return colors.red(text);
    return level === "warn" ? colors.yellow(text) : colors.dim(text);
  };
  const lines = logs.map(({ level, atMs, message }) => {
    const text = printable(message).replaceAll("\n", `\n${" ".repeat(20)}`);
    return `  ${colors.dim(`+${milliseconds(atMs)}`.padStart(9))}  ${paint(level)(level.padEnd(5))}  ${text}`;
  });
  return [colors.bold("Logs"), ...lines, ...(logsTruncated ? ["  … the rest was over the log budget"] : [])];
}

function callLines({ hostCalls }: RunReport, colors: Colors): string[] {
  if (hostCalls.length === 0) return [];
  const lines = hostCalls.flatMap((call) => {
    const { status, problem } = answerOf(call);
    const painted = problem === null ? colors.green(status) : colors.red(status);
    const target = printable(targetOf(call)) + (call.simulated ? colors.dim("  (a try: not done)") : "");
    const head = `  ${colors.dim(milliseconds(call.durationMs).padStart(9))}  ${painted}  ${target}`;
    return problem === null ? [head] : [head, `${" ".repeat(13)}${colors.red(printable(problem))}`];
  });
  return [colors.bold("Host calls"), ...lines];
}

const StripeArguments = v.object({
  accountId: v.string(),
  request: v.object({ method: v.string(), path: v.string() }),
});
const FetchArguments = v.object({ method: v.string(), url: v.string() });

/** What was called: `stripe.fetch POST /v1/checkout/sessions  acct_demo`. */
function targetOf({ name, args }: HostCall): string {
  const stripe = v.safeParse(StripeArguments, args);
  if (stripe.success) {
    const { accountId, request } = stripe.output;
    return `${name} ${request.method} ${request.path}  ${accountId}`;
  }
  const outbound = v.safeParse(FetchArguments, args);
  return outbound.success ? `${name} ${outbound.output.method} ${outbound.output.url}` : name;
}

const HttpAnswer = v.object({ status: v.number(), body: v.optional(Json) });
const Refusal = v.object({ message: v.string() });
const StripeError = v.object({ error: Refusal });

function answerOf({ ok, answer }: HostCall): { status: string; problem: string | null } {
  if (!ok) {
    const refused = v.safeParse(Refusal, answer);
    return { status: "err", problem: refused.success ? refused.output.message : "the call failed" };
  }
  const http = v.safeParse(HttpAnswer, answer);
  if (!http.success) return { status: "ok ", problem: null };
  const { status, body } = http.output;
  if (status < 400) return { status: String(status), problem: null };
  const stripe = v.safeParse(StripeError, body);
  return { status: String(status), problem: stripe.success ? stripe.output.error.message : "an error status" };
}

function milliseconds(ms: number): string {
  return ms < 10 ? `${Math.round(ms * 10) / 10} ms` : `${Math.round(ms)} ms`;
}
