import { compileWorkflow } from "../engine/sandbox/esbuild-compiler.ts";
import { createProcessPool } from "../engine/sandbox/process-pool.ts";
import { defaultBudgets } from "../schemas/workflow.ts";
import { decideFor, redeemAs } from "../tests/fakes/requests.ts";
import { seedWorkflow } from "../tests/fakes/sample-config.ts";
import { createWorld } from "../tests/fakes/world.ts";

/**
 * A whole redemption against the bare sandbox run of the same workflow, `npm run bench:redemptions`. Stripe answers at
 * once in both. The two are taken by turns in one process, 3 ms apart; figures in milliseconds.
 */
const rounds = Number(process.argv[2] ?? 500);

let made = 0;
const instantStripe: typeof fetch = async () => {
  made++;
  const expires_at = Math.floor(Date.now() / 1000) + 86_400;
  return Response.json({
    id: `cs_test_${made}`,
    object: "checkout.session",
    status: "open",
    url: "https://s.test/c",
    expires_at,
  });
};

const sandbox = createProcessPool();
const world = await createWorld({ sandbox });
world.engine.stripe = (await createWorld({ sandbox, stripe: { ...world.stripe, fetch: instantStripe } })).engine.stripe;
world.clock.set(Date.now());

const compiled = await compileWorkflow(seedWorkflow);
if (!compiled.ok) throw new Error("the seed's workflow does not compile");
const offer = { redemption: { accountId: "acct_x", instructions: { mode: "payment", line_items: [] } }, token: "t" };
const input = { identity: { userType: "authenticated" }, offer, context: {}, resource: null, env: {} };
const answer = { ok: true as const, value: { ok: true, status: 200, headers: {}, body: { url: "https://s.test/c" } } };

async function bareRun(i: number): Promise<void> {
  const job = {
    runId: `bare-${i}`,
    tenant: "bench:bare",
    module: compiled.ok ? compiled.workflow : never(),
    input,
    budgets: defaultBudgets,
  };
  const { outcome } = await sandbox.run(job, async () => answer);
  if (outcome.kind !== "returned") throw new Error(`the run ended as ${outcome.kind}`);
}

function never(): never {
  throw new Error("unreachable");
}

async function wholeRedemption(token: string): Promise<void> {
  const { status, text } = await redeemAs(world, { userIdentifier: "buyer@example.com" }, token);
  if (status !== 200) throw new Error(text);
}

async function timed(work: () => Promise<void>): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 3));
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

const figures: { bare: number[]; whole: number[] } = { bare: [], whole: [] };
for (let i = 0; i < rounds + 50; i++) {
  const decision = await decideFor(world, { userIdentifier: "buyer@example.com" });
  await world.engine.events.flush();
  const bare = await timed(() => bareRun(i));
  const whole = await timed(() => wholeRedemption(decision.body.offers[0].token));
  // the first ones warm up
  if (i >= 50) {
    figures.bare.push(bare);
    figures.whole.push(whole);
  }
}

function quantile(values: number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

console.log("| | p50 ms | p99 ms |\n|---|---|---|");
console.log(
  `| bare sandbox run | ${quantile(figures.bare, 0.5).toFixed(2)} | ${quantile(figures.bare, 0.99).toFixed(2)} |`,
);
console.log(
  `| whole redemption | ${quantile(figures.whole, 0.5).toFixed(2)} | ${quantile(figures.whole, 0.99).toFixed(2)} |`,
);
const ratios = figures.whole.map((whole, i) => whole / (figures.bare[i] ?? Number.NaN));
console.log(`| ratio, pair by pair | ${quantile(ratios, 0.5).toFixed(2)} | |`);
process.exit(0);
