import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { compileWorkflow } from "../../engine/sandbox/esbuild-compiler.ts";
import type { HostAnswer, HostCall, Sandbox, SandboxModule, SandboxOutcome, SandboxRun } from "../../engine/sandbox.ts";
import type { Json } from "../../schemas/json.ts";
import { type Budgets, defaultBudgets } from "../../schemas/workflow.ts";
import { type Controls, startControls } from "./controls.ts";
import type { HostileCase, HostileEnd, HostileHost } from "./hostile-case.ts";

/** What an attack may use unless its case says otherwise: little, so that the whole corpus is quick. */
const hostileBudgets: Budgets = { ...defaultBudgets, wallMs: 2500, cpuMs: 120, memoryBytes: 16 << 20 };
/** An attack that is not to be stopped has time to come through on a busy machine as well. */
const harmlessCpuMs = 1500;
const stoppedKinds: readonly HostileEnd[] = ["cpu-exceeded", "out-of-memory"];

/** How an attack ended, or why the compiler refused it. */
export type HostileOutcome = SandboxOutcome | { kind: "uncompilable"; message: string };

/** What came of a case. Times in milliseconds, from the start of a run to its verdict: the longest of its runs. */
export type CaseResult = {
  outcomes: HostileOutcome[];
  logs: string[][];
  calls: number[];
  verdictMs: number;
  /** The longest verdict as a multiple of the budget that was broken; undefined where none was, or where it says nothing. */
  verdictRatio: number | undefined;
  controls: Controls;
};

type Attack = Pick<SandboxRun, "logs"> & { outcome: HostileOutcome; calls: number; verdictMs: number };

/** Compiles the case's source. */
export async function compileCase({ source, compiled }: HostileCase): Promise<SandboxModule | string> {
  if (compiled) return { script: source, codeHash: randomUUID() };
  const compilation = await compileWorkflow(source);
  return compilation.ok ? compilation.workflow : compilation.problems.map(({ message }) => message).join("\n");
}

/**
 * Runs one case while runs of a harmless workflow go on beside it for other tenants, some begun before it and in the middle
 * of a host call. Resolves when the attack has its verdict and every control has ended.
 */
export async function runCase(sandbox: Sandbox, hostile: HostileCase): Promise<CaseResult> {
  const module = await compileCase(hostile);
  const controls = await startControls(sandbox);
  if (typeof module === "string") {
    const refused: Attack = { outcome: { kind: "uncompilable", message: module }, logs: [], calls: 0, verdictMs: 0 };
    return { ...summary(hostile, [refused]), controls: await controls.end() };
  }
  const attacks = attackOften(sandbox, hostile, module);
  await sleep(15);
  controls.interrupt();
  const made = await attacks;
  return { ...summary(hostile, made), controls: await controls.end() };
}

async function attackOften(sandbox: Sandbox, hostile: HostileCase, module: SandboxModule): Promise<Attack[]> {
  const { times = 1, crowd = 1 } = hostile;
  const tenant = `attacker:${randomUUID()}`;
  const attacks: Attack[] = [];
  for (let i = 0; i < times; i += 1) {
    const runs = Array.from({ length: crowd }, () => attackOnce(sandbox, hostile, module, tenant));
    attacks.push(...(await Promise.all(runs)));
  }
  return attacks;
}

async function attackOnce(
  sandbox: Sandbox,
  hostile: HostileCase,
  module: SandboxModule,
  tenant: string,
): Promise<Attack> {
  let calls = 0;
  const host = (call: HostCall) => {
    calls += 1;
    return answer(hostile.host ?? "answers", call);
  };
  const budgets = budgetsOf(hostile);
  const began = performance.now();
  const run = await sandbox.run({ runId: randomUUID(), tenant, module, input: hostile.input ?? {}, budgets }, host);
  return { outcome: run.outcome, logs: run.logs, calls, verdictMs: performance.now() - began };
}

async function answer(host: HostileHost, call: HostCall): Promise<HostAnswer> {
  if (host === "never") return new Promise(() => {});
  await sleep(2);
  if (host === "refuses") return { ok: false, error: { name: "NotAllowedError", message: `${call.name} is refused` } };
  const body = host === "long" ? "x".repeat(1 << 20) : "{}";
  const value = { ok: true, status: 200, statusText: "", url: "https://host.example/", headers: {}, body };
  return { ok: true, value: host === "deep" ? { ...value, nested: nested(90) } : value };
}

function nested(levels: number): Json {
  let value: Json = [];
  for (let i = 1; i < levels; i += 1) value = [value];
  return value;
}

function budgetsOf({ expected, budgets }: HostileCase): Budgets {
  const kinds: readonly HostileEnd[] = typeof expected.kind === "string" ? [expected.kind] : expected.kind;
  const stopped = kinds.some((kind) => stoppedKinds.includes(kind));
  return { ...hostileBudgets, ...(stopped ? {} : { cpuMs: harmlessCpuMs }), ...budgets };
}

function summary(hostile: HostileCase, attacks: Attack[]): Omit<CaseResult, "controls"> {
  const { wallMs, cpuMs } = budgetsOf(hostile);
  const budgetOf: Partial<Record<HostileEnd, number>> = {
    "timed-out": wallMs,
    "cpu-exceeded": cpuMs,
    "out-of-memory": cpuMs,
  };
  const ratios = attacks.flatMap(({ outcome, verdictMs }) => verdictMs / (budgetOf[outcome.kind] ?? Number.NaN));
  return {
    outcomes: attacks.map(({ outcome }) => outcome),
    logs: attacks.map(({ logs }) => logs.map(({ message }) => message)),
    calls: attacks.map(({ calls }) => calls),
    verdictMs: Math.max(...attacks.map(({ verdictMs }) => verdictMs)),
    verdictRatio: hostile.waits || hostile.crowd || ratios.some(Number.isNaN) ? undefined : Math.max(...ratios),
  };
}

/** What of a result is not as its case expects, in words; empty when all is well. The controls are not looked at. */
export function wrongIn({ expected }: HostileCase, { outcomes, logs, calls }: CaseResult): string[] {
  return outcomes.flatMap((outcome, i) => {
    const wrong: string[] = [];
    const kinds: readonly string[] = typeof expected.kind === "string" ? [expected.kind] : expected.kind;
    const text = JSON.stringify(outcome).slice(0, 1000);
    if (!kinds.includes(outcome.kind)) wrong.push(`not ${kinds.join(" or ")}: ${text}`);
    else if (!isEnd(expected, outcome)) wrong.push(`another ${outcome.kind} than expected: ${text}`);
    if (expected.calls !== undefined && expected.calls !== calls[i]) wrong.push(`${calls[i]} host calls`);
    if (expected.logs && !isDeepStrictEqual(expected.logs, logs[i])) wrong.push(`logs: ${JSON.stringify(logs[i])}`);
    return wrong;
  });
}

function isEnd({ value, error, message }: HostileCase["expected"], outcome: HostileOutcome): boolean {
  if (value !== undefined && !(outcome.kind === "returned" && isDeepStrictEqual(outcome.value, value))) return false;
  if (error !== undefined && !(outcome.kind === "threw" && outcome.error.name === error)) return false;
  return message === undefined || message.test(messageOf(outcome));
}

function messageOf(outcome: HostileOutcome): string {
  if (outcome.kind === "threw") return outcome.error.message;
  return outcome.kind === "returned" ? "" : outcome.message;
}
