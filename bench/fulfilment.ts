import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent } from "node:http";
import { join } from "node:path";
import Stripe from "stripe";
import * as v from "valibot";
import { existingEnvironment } from "../engine/environments.ts";
import { readSession } from "../engine/fulfilment/session-truth.ts";
import { addWebhookSecret } from "../engine/integrations.ts";
import { createStripeClients } from "../engine/stripe.ts";
import { ask } from "../tests/fakes/requests.ts";
import type { sampleConfig } from "../tests/fakes/sample-config.ts";
import { createWorld } from "../tests/fakes/world.ts";

/**
 * Webhooks that complete purchases against bare insert transactions on the same file, `npm run bench:fulfilment`. By turns
 * in one process; Stripe, which is asked about each session, is another and has its answers ready. Figures per second.
 */
const rounds = 6;
const perRound = Number(process.argv[2] ?? 500);
const atOnce = Number(process.argv[3] ?? 100);
const secret = "whsec_of_the_bench";

const stripe = spawn(process.execPath, [join(import.meta.dirname, "servers/stripe.ts")], {
  stdio: ["ignore", "pipe", "inherit"],
});
const [line] = await once(stripe.stdout, "data");
const Places = v.pipe(v.string(), v.parseJson(), v.object({ url: v.string(), memoryUrl: v.string() }));
const { url, memoryUrl } = v.parse(Places, String(line));

const world = await createWorld({ config: oneOff });
world.clock.set(Date.now());
const agent = new Agent({ keepAlive: true });
const stripeAt = (address: string) => {
  const { hostname: host, port } = new URL(address);
  const stripeHttpClient = Stripe.createNodeHttpClient(agent);
  const stripeEndpoint = { protocol: "http" as const, host, port: Number(port) };
  return createStripeClients({ fetch, stripeHttpClient, stripeEndpoint });
};
const [liveStripe, promptStripe] = [stripeAt(url), stripeAt(memoryUrl)];
await addWebhookSecret(world.engine, world.environmentId, { accountId: "acct_world", secret });
await world.engine.storage.client.execute("create table bare_rows (id text primary key, a text, b integer)");

/** A day pass, paid once. */
function oneOff(sample: ReturnType<typeof sampleConfig>) {
  const price = { currency: "gbp", amountMinor: 1000, interval: null };
  const plans = sample.plans.map((plan) => ({ ...plan, price }));
  return {
    ...sample,
    plans,
    offers: sample.offers.map((offer) => ({ ...offer, redemption: { accountId: "acct_world" } })),
  };
}

/** As many as are asked for, so many at once. */
async function inParallel(count: number, work: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let i = next++; i < count; i = next++) await work(i);
    }),
  );
}

const environment = await existingEnvironment(world.engine.environments, world.environmentId);

/** A paid session's webhook, as Stripe would send it; Stripe has its answer ready. */
async function paidSession(i: number): Promise<{ body: string; signature: string }> {
  const identity = { userIdentifier: `buyer-${i}@example.com` };
  const body = { planId: "monthly", returnUrl: "https://news.example.com/", identity };
  const { body: begun } = await ask(world, "POST", "/api/v1/purchases", { body });
  const id = /cs_test_\w+/.exec(begun.url)?.[0];
  const paid = await fetch(`${url}/_control/sessions/${id}/pay`, {
    method: "POST",
    headers: { authorization: "Bearer sk_test_world" },
    body: JSON.stringify({ email: identity.userIdentifier }),
  });
  const asked = { ...world.engine, stripe: promptStripe };
  await readSession(asked, environment, { accountId: "acct_world", sessionId: id ?? "", failed: false });
  const event = { id: `evt_${i}`, object: "event", type: "checkout.session.completed", created: 1 };
  const payload = JSON.stringify({ ...event, data: { object: await paid.json() } }, null, 2);
  return { body: payload, signature: Stripe.webhooks.generateTestHeaderString({ payload, secret }) };
}

async function perSecond(count: number, work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return Math.round((count * 1000) / (performance.now() - startedMs));
}

const { client } = world.engine.storage;
const insert = (i: number) => ({
  sql: "insert into bare_rows (id, a, b) values (?, ?, ?)",
  args: [crypto.randomUUID(), "a row", i],
});

/** One transaction after another, each of one insert: by a batch, which is the fastest way, or step by step. */
const inserted = (write: (i: number) => Promise<unknown>) =>
  perSecond(perRound, async () => {
    for (let i = 0; i < perRound; i++) {
      await write(i);
      if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  });
const byBatch = (i: number) => client.batch([insert(i)], "write");
const byTransaction = async (i: number) => {
  const transaction = await client.transaction("write");
  await transaction.execute(insert(i));
  await transaction.commit();
};

const fulfilled = (webhooks: { body: string; signature: string }[]) =>
  perSecond(webhooks.length, () =>
    inParallel(webhooks.length, async (i) => {
      const { body, signature } = webhooks[i] ?? { body: "", signature: "" };
      const headers = { "stripe-signature": signature };
      const answer = await world.app.request("/api/v1/webhooks/stripe/acct_world", { method: "POST", body, headers });
      if (answer.status !== 200) throw new Error(await answer.text());
    }),
  );

type Round = { batch: number; transaction: number; webhooks: number };
const figures: Round[] = [];
for (let round = 0; round <= rounds; round++) {
  const webhooks: { body: string; signature: string }[] = [];
  world.engine.stripe = liveStripe;
  await inParallel(perRound, async (i) => {
    webhooks[i] = await paidSession(round * perRound + i);
  });
  world.engine.stripe = promptStripe;
  const [batch, transaction] = [await inserted(byBatch), await inserted(byTransaction)];
  const own = await fulfilled(webhooks);
  // the first round warms up
  if (round > 0) figures.push({ batch, transaction, webhooks: own });
}
const ratios = (to: (round: Round) => number) =>
  figures.map((round) => round.webhooks / to(round)).toSorted((a, b) => a - b)[Math.floor(figures.length / 2)];
console.table(figures);
const { rows } = await client.execute(
  "select (select count(*) from entitlements) as entitlements, (select count(*) from member_events) as events",
);
console.log(`${(rounds + 1) * perRound} purchases, ${JSON.stringify(rows[0])}`);
console.log(`median ratio to a transaction of one insert: ${ratios(({ transaction }) => transaction)?.toFixed(2)}`);
console.log(`median ratio to a batch of one insert: ${ratios(({ batch }) => batch)?.toFixed(2)}`);
stripe.kill();
await world.close();
