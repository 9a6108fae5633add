import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { createProcessPool } from "../../../engine/sandbox/process-pool.ts";
import type { HostCallHandler, SandboxModule } from "../../../engine/sandbox.ts";
import { defaultBudgets } from "../../../schemas/workflow.ts";
import {
  answerTo,
  checkoutModule,
  checkResult,
  inputOf,
  platformModule,
  resultOf,
  templateModule,
  variantOf,
} from "../job.ts";
import type { Beside, Held, Question } from "../messages.ts";
import { residentKib, sandboxProcesses } from "../processes.ts";
import { pacedRuns, runsAbreast, timed } from "../series.ts";
import { pacedAnswers, serve } from "../serve.ts";

/** Scrip's pool as it is shipped, in the place of an engine's process. */
const known = await checkoutModule();
const template = await templateModule();
const platform = await platformModule();
const sandbox = createProcessPool();
const host: HostCallHandler = async ({ args }) => ({ ok: true, value: answerTo(args) });
const budgets = defaultBudgets;
let made = 0;

async function run(tenant: string, module: SandboxModule): Promise<void> {
  made += 1;
  const n = made;
  const job = { runId: `run-${n}`, tenant, module, input: inputOf(n), budgets };
  const { outcome } = await sandbox.run(job, host);
  if (outcome.kind !== "returned") throw new Error(`run ${n} ended as ${JSON.stringify(outcome)}`);
  checkResult(n, outcome.value);
}

/** The benchmark's own work in a run; what a run takes beyond it is the sandbox's. */
async function idle(): Promise<void> {
  made += 1;
  const n = made;
  const asked = { request: { customer_email: inputOf(n).identity.identifier, metadata: { total: "22.40 GBP" } } };
  checkResult(n, resultOf(answerTo(asked)));
}

/** The template of a new method, with a session of its own for each run. */
async function templateRun(): Promise<void> {
  made += 1;
  const url = `https://checkout.example.com/${made}`;
  const job = { runId: `run-${made}`, tenant: "bench:template", module: template, input: inputOf(made), budgets };
  const { outcome } = await sandbox.run(job, async () => ({
    ok: true,
    value: { ok: true, status: 200, body: { url } },
  }));
  const isRight =
    outcome.kind === "returned" && isDeepStrictEqual(outcome.value, { success: true, action: "navigate", url });
  if (!isRight) throw new Error(`the template ended as ${JSON.stringify(outcome)}`);
}

/** A workflow that uses what few do: the prelude's parts are not made with a realm. */
async function platformRun(): Promise<void> {
  made += 1;
  const job = { runId: `run-${made}`, tenant: "bench:platform", module: platform, input: inputOf(made), budgets };
  const body = JSON.stringify({ url: `https://checkout.example.com/${made}` });
  const { outcome } = await sandbox.run(job, async () => ({ ok: true, value: { status: 200, headers: {}, body } }));
  if (outcome.kind !== "returned" || outcome.value !== `/${made}`)
    throw new Error(`the run ended as ${JSON.stringify(outcome)}`);
}

const warm = () => run("bench:warm", known);
const cold = () => run("bench:cold", variantOf(known, String(made)));

/** Code that never lets go: from the start, and after its host call. */
const loops = ["", 'await utils.integrations.stripe.fetch("acct_1", {});'].map((before) =>
  variantOf(
    { script: `globalThis.__workflow = async ({ utils }) => { ${before} while (true) {} };`, codeHash: "" },
    "",
  ),
);

/** Repeats a neighbour's infinite loop until told to stop; tells how its runs ended. */
async function loopUntil(stopped: () => boolean, neighbour: number, ends: Record<string, number>): Promise<void> {
  for (let i = 0; !stopped(); i++) {
    made += 1;
    const module = loops[i % loops.length] ?? known;
    const job = { runId: `loop-${made}`, tenant: `bench:neighbour-${neighbour}`, module, input: {}, budgets };
    const { outcome } = await sandbox.run(job, async () => ({ ok: true, value: null }));
    ends[outcome.kind] = (ends[outcome.kind] ?? 0) + 1;
    // requests come through the event loop, also those that are refused at once
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Paced runs of one tenant while others loop, until enough were made or the time is up. */
async function besideNeighbours({ runs, forMs, gapMs, neighbours }: Question): Promise<Beside> {
  const ends: Record<string, number> = {};
  const times: number[] = [];
  let over = false;
  const looping = Array.from({ length: neighbours }, (_, neighbour) => loopUntil(() => over, neighbour, ends));
  const untilMs = performance.now() + forMs;
  while (times.length < runs && performance.now() < untilMs) {
    await sleep(gapMs);
    times.push(await timed(warm));
  }
  over = true;
  await Promise.all(looping);
  return { times, ends };
}

/** Runs of so many methods by turns, and what is held after them. */
async function byTurns(question: Question): Promise<Held> {
  const modules = Array.from({ length: question.methods }, (_, i) => methodOf(i));
  await runsAbreast(() => {
    const at = made % modules.length;
    return run(`bench:method-${at}`, modules[at] ?? known);
  }, question);
  const sandboxes = sandboxProcesses();
  const { processes } = await sandbox.stats();
  const sum = (of: (process: (typeof processes)[number]) => number) => processes.reduce((all, one) => all + of(one), 0);
  return {
    isolates: sum(({ idleIsolates, liveIsolates }) => idleIsolates + liveIsolates),
    handles: sum(({ handles }) => handles),
    engineKib: residentKib([process.pid]),
    sandboxKib: residentKib(sandboxes),
    sandboxes,
    resources: process.getActiveResourcesInfo().length,
  };
}

/** What the engine's heap holds when all garbage is gone, in KiB. */
async function collectedHeap(): Promise<number> {
  globalThis.gc?.();
  await sleep(200);
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1024;
}

const methods = new Map<number, SandboxModule>();

function methodOf(i: number): SandboxModule {
  const method = methods.get(i) ?? variantOf(known, `method ${i}`);
  methods.set(i, method);
  return method;
}

while (!(await sandbox.ready())) await sleep(5);
// the spare process starts beside the others
await sleep(700);
serve({
  ...pacedAnswers(warm, cold),
  idle: (question) => pacedRuns(idle, question),
  platform: (question) => pacedRuns(platformRun, question),
  template: (question) => pacedRuns(templateRun, question),
  templates: (question) => runsAbreast(templateRun, question),
  abreast: (question) => runsAbreast(warm, question),
  beside: besideNeighbours,
  turns: byTurns,
  heap: collectedHeap,
});
