import { and, eq, inArray, lt, notExists, sql } from "drizzle-orm";
import { workflowEffects } from "../../schemas/identity-tables.ts";
import { purchases, purchaseTokens, stripeEvents } from "../../schemas/sales-tables.ts";
import { webhookAttempts, webhookDeliveries, webhookMessages } from "../../schemas/webhook-tables.ts";
import type { Engine } from "../engine.ts";
import { listEnvironments } from "../keys.ts";
import { pruneSessions } from "../member-sessions.ts";
import type { Database } from "../storage.ts";
import type { TaskRun } from "./task-run.ts";

const dayMs = 86_400_000;
const batchSize = 500;
/** What a run leaves is for the next. */
const mostBatches = 200;

/**
 * Deletes what nobody needs any more, in short transactions with room for others between them. Counts `purchasesDeleted`
 * (expired for 30 days), `tokensDeleted` (over for a day), `stripeEventsDeleted` (handled 40 days ago; Stripe lists none
 * that are older than 30), `effectsDeleted` (40 days old; no token can be redeemed for longer than 30), `sessionsDeleted`
 * (over) and `webhookMessagesDeleted` (30 days old, finished).
 */
export async function sweep(engine: Engine, run: TaskRun): Promise<void> {
  const nowMs = engine.now();
  const environmentIds = (await listEnvironments(engine)).map(({ id }) => id);
  for (const environmentId of environmentIds) {
    await inBatches(engine, run, "purchasesDeleted", (tx) => deletePurchases(tx, environmentId, nowMs));
    await inBatches(engine, run, "webhookMessagesDeleted", (tx) => deleteMessages(tx, environmentId, nowMs));
  }
  await inBatches(engine, run, "tokensDeleted", (tx) => deleteTokens(tx, nowMs));
  await inBatches(engine, run, "stripeEventsDeleted", (tx) => deleteStripeEvents(tx, nowMs));
  await inBatches(engine, run, "effectsDeleted", (tx) => deleteEffects(tx, nowMs));
  if (!run.signal.aborted) run.count("sessionsDeleted", await pruneSessions(engine));
}

async function inBatches(
  engine: Engine,
  run: TaskRun,
  what: string,
  batch: (tx: Database) => Promise<unknown[]>,
): Promise<void> {
  run.count(what, 0);
  for (let batches = 0; batches < mostBatches && !run.signal.aborted; batches++) {
    const gone = await engine.storage.write(batch);
    run.count(what, gone.length);
    if (gone.length < batchSize) return;
  }
}

const rowid = sql<number>`rowid`;

function deletePurchases(tx: Database, environmentId: string, nowMs: number) {
  const { status, createdAt } = purchases;
  const old = and(eq(purchases.environmentId, environmentId), eq(status, "expired"), lt(createdAt, nowMs - 30 * dayMs));
  const some = tx.select({ rowid }).from(purchases).where(old).limit(batchSize);
  return tx.delete(purchases).where(inArray(rowid, some)).returning({ id: purchases.id });
}

function deleteTokens(tx: Database, nowMs: number) {
  const { hash, expiresAt } = purchaseTokens;
  const some = tx
    .select({ rowid })
    .from(purchaseTokens)
    .where(lt(expiresAt, nowMs - dayMs))
    .limit(batchSize);
  return tx.delete(purchaseTokens).where(inArray(rowid, some)).returning({ hash });
}

/** They are numbered as they are handled: the oldest stand first, and need no index of their own. */
function deleteStripeEvents(tx: Database, nowMs: number) {
  const { eventId, handledAt } = stripeEvents;
  const oldest = sql`(select rowid as number, handled_at from ${stripeEvents} order by rowid limit ${batchSize})`;
  const old = sql`rowid in (select number from ${oldest} where handled_at < ${nowMs - 40 * dayMs})`;
  return tx.delete(stripeEvents).where(old).returning({ eventId, handledAt });
}

/** They stand in the order in which they were made, too. */
function deleteEffects(tx: Database, nowMs: number) {
  const { call, createdAt } = workflowEffects;
  const oldest = sql`(select rowid as number, created_at from ${workflowEffects} order by rowid limit ${batchSize})`;
  const old = sql`rowid in (select number from ${oldest} where created_at < ${nowMs - 40 * dayMs})`;
  return tx.delete(workflowEffects).where(old).returning({ call, createdAt });
}

/** With its deliveries and attempts. One that somebody sent again lately, or that is being sent, stays. */
async function deleteMessages(tx: Database, environmentId: string, nowMs: number) {
  const { id, createdAt } = webhookMessages;
  const beforeMs = nowMs - 30 * dayMs;
  const pending = tx
    .select({ rowid })
    .from(webhookDeliveries)
    .where(and(eq(webhookDeliveries.messageId, id), eq(webhookDeliveries.status, "pending")));
  const recent = tx
    .select({ rowid })
    .from(webhookAttempts)
    .where(and(eq(webhookAttempts.messageId, id), sql`${webhookAttempts.createdAt} >= ${beforeMs}`));
  const old = and(eq(webhookMessages.environmentId, environmentId), lt(createdAt, beforeMs));
  const some = await tx
    .select({ id })
    .from(webhookMessages)
    .where(and(old, notExists(pending), notExists(recent)))
    .limit(batchSize);
  const ids = some.map((message) => message.id);
  if (ids.length === 0) return [];
  await tx.delete(webhookAttempts).where(inArray(webhookAttempts.messageId, ids));
  await tx.delete(webhookDeliveries).where(inArray(webhookDeliveries.messageId, ids));
  return tx.delete(webhookMessages).where(inArray(id, ids)).returning({ id });
}
