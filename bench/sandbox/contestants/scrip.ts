import { setTimeout as sleep } from "node:timers/promises";
import { createProcessPool } from "../../../engine/sandbox/process-pool.ts";
import type { HostCallHandler, SandboxModule } from "../../../engine/sandbox.ts";
import { defaultBudgets } from "../../../schemas/workflow.ts";
import { answerTo, checkoutModule, checkResult, inputOf, resultOf, variantOf } from "../job.ts";
import { pacedRuns, runsAbreast } from "../series.ts";
import { pacedAnswers, serve } from "../serve.ts";

/** Scrip's pool as it is shipped, in the place of an engine's process. */
const known = await checkoutModule();
const sandbox = createProcessPool();
const host: HostCallHandler = async ({ args }) => ({ ok: true, value: answerTo(args) });
let made = 0;

async function run(tenant: string, module: SandboxModule): Promise<void> {
  made += 1;
  const n = made;
  const job = { runId: `run-${n}`, tenant, module, input: inputOf(n), budgets: defaultBudgets };
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

const warm = () => run("bench:warm", known);
const cold = () => run("bench:cold", variantOf(known, String(made)));

while (!(await sandbox.ready())) await sleep(5);
// the spare process starts beside the others
await sleep(700);
serve({
  ...pacedAnswers(warm, cold),
  idle: (question) => pacedRuns(idle, question),
  abreast: (question) => runsAbreast(warm, question),
});
