/**
 * Figures of the process pool, printed: a warm run with one host call answered at once (3 ms between runs), a run in a new
 * isolate, and runs back to back. `node bench/sandbox-quick.ts`
 */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createProcessPool } from "../engine/sandbox/process-pool.ts";
import type { HostCallHandler, SandboxModule } from "../engine/sandbox.ts";
import { defaultBudgets } from "../schemas/workflow.ts";

const source = `"use strict";
globalThis.__workflow = async ({ identity, offer, utils }) => {
  if (identity.userType === "anonymous") return { success: false, statusCode: 401 };
  const { accountId, instructions } = offer.redemption;
  const session = await utils.integrations.stripe.fetch(accountId, { method: "POST", path: "/v1/checkout/sessions", body: { ...instructions } });
  return { success: true, action: "navigate", url: session.body.url };
};`;
const input = {
  identity: { userType: "authenticated", identifier: "reader-1" },
  offer: {
    redemption: { accountId: "acct_1", instructions: { mode: "payment", line_items: [{ price: "p", quantity: 1 }] } },
  },
};
const host: HostCallHandler = async () => ({
  ok: true,
  value: { ok: true, status: 200, headers: {}, body: { url: "https://checkout.example/1" } },
});

const sandbox = createProcessPool();
let made = 0;

function moduleNamed(name: string): SandboxModule {
  const script = `${source}//${name}`;
  return { script, codeHash: createHash("sha256").update(script).digest("hex") };
}

async function timeRun(module: SandboxModule): Promise<number> {
  made += 1;
  const began = performance.now();
  const { outcome } = await sandbox.run(
    { runId: `r${made}`, tenant: "bench", module, input, budgets: defaultBudgets },
    host,
  );
  if (outcome.kind !== "returned") throw new Error(JSON.stringify(outcome));
  return performance.now() - began;
}

function print(label: string, times: number[]): void {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(2);
  console.log(
    `${label.padEnd(34)} p50 ${at(0.5)} ms   p90 ${at(0.9)} ms   p99 ${at(0.99)} ms   (${times.length} runs)`,
  );
}

while (!(await sandbox.ready())) await sleep(5);
await sleep(500);
const warm = moduleNamed("warm");
for (let i = 0; i < 200; i += 1) await timeRun(warm);

const warmTimes: number[] = [];
for (let i = 0; i < 1500; i += 1) {
  await sleep(3);
  warmTimes.push(await timeRun(warm));
}
print("warm, one host call, 3 ms apart", warmTimes);

const coldTimes: number[] = [];
for (let i = 0; i < 200; i += 1) {
  await sleep(3);
  coldTimes.push(await timeRun(moduleNamed(`cold ${i}`)));
}
print("new isolate", coldTimes);

for (const abreast of [1, 8, 32]) {
  const total = 4000;
  const began = performance.now();
  let left = total;
  const times: number[] = [];
  await Promise.all(
    Array.from({ length: abreast }, async () => {
      while (left > 0) {
        left -= 1;
        times.push(await timeRun(warm));
      }
    }),
  );
  const rate = Math.round((total / (performance.now() - began)) * 1000);
  print(`back to back, ${abreast} abreast: ${rate}/s`, times);
}
await sandbox.close();
