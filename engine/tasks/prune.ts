import { lt } from "drizzle-orm";
import { purchases } from "../../schemas/sales-tables.ts";
import type { Engine } from "../engine.ts";
import type { Environment } from "../environments.ts";
import type { Purchase } from "../fulfilment/settling.ts";
import type { SessionTruth } from "../fulfilment/truth.ts";
import { listEnvironments } from "../keys.ts";
import { createPatience } from "./patience.ts";
import { askAbout, askedCounts, pendingPurchases } from "./pending.ts";
import { sweep } from "./sweep.ts";
import type { TaskRun } from "./task-run.ts";

/** The longest that a Checkout Session is open (Stripe API reference, "Create a Session": `expires_at`). */
const longestOpenMs = 24 * 3_600_000;

/**
 * Ends the purchases that nobody will pay for any more: of those pending for a day, whatever Stripe says is settled, so
 * that one whose payment is on its way stays, and one of which Stripe cannot be asked stays for the next time. Then
 * deletes what nobody needs any more.
 */
export async function prune(engine: Engine, run: TaskRun): Promise<void> {
  for (const name of askedCounts) run.count(name, 0);
  for (const { id } of await listEnvironments(engine)) {
    const environment = await engine.environments.get(id);
    if (environment === undefined) continue;
    const patience = createPatience();
    const onUnknown = (purchase: Purchase) => expireUnknown(engine, environment, purchase);
    const old = lt(purchases.createdAt, engine.now() - longestOpenMs);
    for await (const page of pendingPurchases(engine, id, old)) {
      if (run.signal.aborted) return;
      await askAbout(engine, run, { environment, page, patience, onUnknown });
    }
  }
  await sweep(engine, run);
}

/** A session that Stripe does not know is settled like one that expired: nobody can pay for it. */
async function expireUnknown(engine: Engine, environment: Environment, purchase: Purchase): Promise<void> {
  const sold = await engine.environments.version(environment.id, purchase.offerVersion);
  if (sold === undefined) throw new Error(`${environment.id} lacks version ${purchase.offerVersion}`);
  const truth = expired(purchase.sessionId);
  const settling = { environment, sold, purchase, truth, events: [], nowMs: engine.now() };
  await engine.settle(settling);
}

function expired(id: string): SessionTruth {
  return {
    id,
    state: "expired",
    mode: "payment",
    email: null,
    paymentIntentId: null,
    subscriptionId: null,
    amountMinor: null,
    currency: null,
    trialEndMs: null,
    refunded: false,
    disputed: false,
  };
}
