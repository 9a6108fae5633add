import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent } from "node:http";
import { join } from "node:path";
import Stripe from "stripe";
import * as v from "valibot";
import { addWebhookSecret } from "../engine/integrations.ts";
import { createStripeClients } from "../engine/stripe.ts";
import { ask } from "../tests/fakes/requests.ts";
import type { sampleConfig } from "../tests/fakes/sample-config.ts";
import { createWorld } from "../tests/fakes/world.ts";

/**
 * Webhooks that complete purchases against bare insert transactions on the same file, `npm run bench:fulfilment`. By turns
 * in one process; the local Stripe that is asked about each session runs in another. Figures per second.
 */
const rounds = 6;
const perRound = Number(process.argv[2] ?? 500);
const atOnce = Number(process.argv[3] ?? 64);
const secret = "whsec_of_the_bench";

const stripe = spawn(process.execPath, [join(import.meta.dirname, "servers/stripe.ts")], {
  stdio: ["ignore", "pipe", "inherit"],
});
const [line] = await once(stripe.stdout, "data");
const { url } = v.parse(v.pipe(v.string(), v.parseJson(), v.object({ url: v.string() })), String(line));

const world = await createWorld({ config: oneOff });
world.clock.set(Date.now());
const { hostname: host, port } = new URL(url);
world.engine.stripe = createStripeClients({
  fetch,
  stripeEndpoint: { protocol: "http", host, port: Number(port) },
  stripeHttpClient: Stripe.createNodeHttpClient(new Agent({ keepAlive: true })),
});
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

/** A paid session's webhook, as Stripe would send it. */
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
  const event = { id: `evt_${i}`, object: "event", type: "checkout.session.completed", created: 1 };
  const payload = JSON.stringify({ ...event, data: { object: await paid.json() } }, null, 2);
  return { body: payload, signature: Stripe.webhooks.generateTestHeaderString({ payload, secret }) };
}

async function perSecond(count: number, work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return Math.round((count * 1000) / (performance.now() - startedMs));
}

const bare = () =>
  perSecond(perRound, async () => {
    const sql = "insert into bare_rows (id, a, b) values (?, ?, ?)";
    for (let i = 0; i < perRound; i++) {
      await world.engine.storage.client.batch([{ sql, args: [crypto.randomUUID(), "a row", i] }], "write");
      if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  });

const fulfilled = (webhooks: { body: string; signature: string }[]) =>
  perSecond(webhooks.length, () =>
    inParallel(webhooks.length, async (i) => {
      const { body, signature } = webhooks[i] ?? { body: "", signature: "" };
      const headers = { "stripe-signature": signature };
      const answer = await world.app.request("/api/v1/webhooks/stripe/acct_world", { method: "POST", body, headers });
      if (answer.status !== 200) throw new Error(await answer.text());
    }),
  );

const figures: { bare: number; webhooks: number; ratio: number }[] = [];
for (let round = 0; round <= rounds; round++) {
  const webhooks: { body: string; signature: string }[] = [];
  await inParallel(perRound, async (i) => {
    webhooks[i] = await paidSession(round * perRound + i);
  });
  const first = await bare();
  const own = await fulfilled(webhooks);
  const second = await bare();
  const mean = Math.round((first + second) / 2);
  // the first round warms up
  if (round > 0) figures.push({ bare: mean, webhooks: own, ratio: Math.round((100 * own) / mean) / 100 });
}
console.table(figures);
const { rows } = await world.engine.storage.client.execute(
  "select (select count(*) from entitlements) as entitlements, (select count(*) from member_events) as events",
);
const median = figures.map(({ ratio }) => ratio).toSorted((a, b) => a - b)[Math.floor(figures.length / 2)];
console.log(`median ratio ${median}; ${JSON.stringify(rows[0])} of ${(rounds + 1) * perRound} purchases`);
stripe.kill();
await world.close();
