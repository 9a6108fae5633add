import { and, lte, sql } from "drizzle-orm";
import { purchases } from "../../schemas/sales-tables.ts";
import type { Engine } from "../engine.ts";
import type { Environment } from "../environments.ts";
import { listEnvironments } from "../keys.ts";
import { readMissedEvents } from "./missed-events.ts";
import { createPatience } from "./patience.ts";
import { askAbout, askedCounts, pendingPurchases } from "./pending.ts";
import type { TaskRun } from "./task-run.ts";

/** Whoever pays at all mostly does so after this, and the webhook has had its time. */
const firstQuestionMs = 2 * 60_000;

/**
 * Makes good what no webhook told: handles Stripe's events that did not come, then asks about every pending purchase
 * that is due, which is ever more seldom as it grows older.
 */
export async function reconcile(engine: Engine, run: TaskRun): Promise<void> {
  for (const name of [...askedCounts, "events"]) run.count(name, 0);
  for (const { id } of await listEnvironments(engine)) {
    const environment = await engine.environments.get(id);
    if (environment === undefined) continue;
    await readMissedEvents(engine, run, environment);
    await askAboutDue(engine, run, environment);
  }
}

async function askAboutDue(engine: Engine, run: TaskRun, environment: Environment): Promise<void> {
  const patience = createPatience();
  const onUnknown = async () => undefined;
  for await (const page of pendingPurchases(engine, environment.id, isDue(engine.now()))) {
    if (run.signal.aborted) return;
    await askAbout(engine, run, { environment, page, patience, onUnknown });
  }
}

/** Last asked before two minutes and before a quarter of its age. */
function isDue(nowMs: number) {
  const { createdAt, askedAt } = purchases;
  const rested = sql`${nowMs} - coalesce(${askedAt}, ${createdAt})`;
  // the second says nothing new: an index knows the time of creation alone
  const isRested = sql`${rested} >= max(${firstQuestionMs}, (${nowMs} - ${createdAt}) / 4)`;
  return and(isRested, lte(createdAt, nowMs - firstQuestionMs));
}
