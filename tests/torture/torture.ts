import * as v from "valibot";
import { type ListeningStripe, serveLocalStripe } from "../../local-stripe/serve.ts";
import { freePorts, temporaryFolder } from "../runtime/server-process.ts";
import { gatherBuyers } from "./buyers.ts";
import { diceOf } from "./dice.ts";
import { openShop, type Shop } from "./shop.ts";
import { judge, type Verdict } from "./verdict.ts";
import { startVictim, type Victim } from "./victim.ts";

/** How much to torture. `killEveryMs` is how long a server lives, about. */
export type TortureOptions = {
  purchases: number;
  killEveryMs: number;
  seed: number;
  concurrency: number;
  say(line: string): void;
};

/** What was found, and at what cost. */
export type TortureReport = Verdict & { kills: number; seconds: number };

const secretKey = "sk_test_torture";
const webhookSecret = "whsec_torture";

/** Everything that goes wrong, all the time. */
const chaos = {
  webhooks: { drop: 0.2, dropForever: 0.1, duplicate: 0.2, delayMs: [0, 3000], reorder: 0.2 },
  api: { error429: 0.02, error500: 0.02, timeoutAfterWork: 0.02, dropBeforeWork: 0.02 },
} as const;

/**
 * Buys through a local Stripe that drops, doubles, delays and reorders its webhooks and fails its answers, from a server
 * that is killed with SIGKILL again and again. Then lets everything settle, runs the scheduled work as the clock would,
 * and compares what Stripe says was paid with what the database says was granted.
 */
export async function torture(options: TortureOptions): Promise<TortureReport> {
  const startedMs = performance.now();
  const folder = await temporaryFolder();
  const port = await freePorts();
  const stripe = await serveLocalStripe({
    port: 0,
    secretKeys: [secretKey],
    chaos: { seed: options.seed, ...chaos },
    webhookRetryMs: [300, 1000, 3000, 5000, 5000, 5000, 10_000, 10_000],
  });
  const url = `http://127.0.0.1:${port}/api/v1/webhooks/stripe/acct_demo`;
  stripe.addWebhookEndpoint({ url, secret: webhookSecret });
  const random = diceOf(options.seed);
  const victim = await startVictim({
    dataDir: folder.path,
    env: {
      PORT: String(port),
      LOG_LEVEL: "silent",
      STRIPE_SECRET_KEY: secretKey,
      STRIPE_API_URL: stripe.url,
      STRIPE_WEBHOOK_SECRET: webhookSecret,
    },
    killEveryMs: options.killEveryMs,
    random,
  });
  try {
    const shop = await openShop(victim, random);
    const buyers = gatherBuyers(shop, stripe, secretKey, random);
    await sendAll(options, buyers.send, victim);
    await settle(options, { shop, stripe, victim });
    await victim.stop();
    const side = { ...buyers, sessions: stripe.sessions() };
    const verdict = await judge(folder.path, side);
    return { ...verdict, kills: victim.kills(), seconds: Math.round((performance.now() - startedMs) / 1000) };
  } finally {
    await victim.stop();
    await stripe.stop();
    await folder.remove();
  }
}

async function sendAll(
  { purchases, concurrency, say }: TortureOptions,
  send: (i: number) => Promise<void>,
  victim: Victim,
): Promise<void> {
  let next = 0;
  const step = Math.max(100, Math.round(purchases / 20));
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      for (let i = next++; i < purchases; i = next++) {
        await send(i);
        if ((i + 1) % step === 0) say(`${i + 1} of ${purchases} begun, ${victim.kills()} servers killed`);
      }
    }),
  );
}

/** No more faults: what is still to be delivered is, and what never will be is found by the scheduled work. */
async function settle(
  { say }: TortureOptions,
  { shop, stripe, victim }: { shop: Shop; stripe: ListeningStripe; victim: Victim },
): Promise<void> {
  await victim.spare();
  stripe.chaos({});
  // sessions that nobody heard of, because the server died before it could say: they run out
  for (const { id, status } of stripe.sessions()) if (status === "open") stripe.expire(id);
  say("all begun; the scheduled work looks for what no webhook told");
  await stripe.settled();
  say(`reconciled: ${JSON.stringify(await reconcile(shop))}`);
  await stripe.settled();
}

const Run = v.object({ ran: v.boolean(), outcome: v.nullable(v.looseObject({ ok: v.boolean() })) });

/** By the clock it may be running already, or a killed server may hold its lease: the run that counts begins after that. */
async function reconcile(shop: Shop): Promise<unknown> {
  for (let tries = 0; tries < 120; tries++) {
    const run = v.parse(Run, await shop.runTask("reconcile"));
    if (run.ran && run.outcome?.ok) return run.outcome;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  throw new Error("the reconciling task never came to run");
}
