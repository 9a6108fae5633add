import { and, asc, desc, eq, inArray, lt, lte, sql } from "drizzle-orm";
import { webhookAttempts, webhookDeliveries, webhookEndpoints, webhookMessages } from "../../schemas/webhook-tables.ts";
import type { Engine } from "../engine.ts";
import { ScripError } from "../error.ts";
import type { EndpointAddress } from "./endpoints.ts";

/** What may become of a delivery. */
export const deliveryStatuses = ["pending", "delivered", "failed"] as const;
export type DeliveryStatus = (typeof deliveryStatuses)[number];

/** A page of deliveries: after the message `cursor`, of a status or of any. */
export type DeliveriesPage = { cursor: string | null; limit: number; status: DeliveryStatus | null };

/** Of one that was sent again and again by hand, so many attempts are shown: the latest. */
const mostAttemptsShown = 20;

/**
 * The deliveries of an endpoint, newest first, each with its message and its latest attempts, and the cursor of the next
 * page or null. A deleted endpoint still has its deliveries. Throws `webhook_endpoint_not_found`, or
 * `webhook_message_not_found` for a cursor that is none.
 */
export async function listDeliveries(engine: Engine, address: EndpointAddress, page: DeliveriesPage) {
  await assertEndpoint(engine, address);
  const before = page.cursor === null ? null : await rowidOf(engine, address.endpointId, page.cursor);
  const found = await newest(engine, address.endpointId, { ...page, before });
  const rows = found.slice(0, page.limit);
  const ids = rows.map(({ messageId }) => messageId);
  const { db } = engine.storage;
  const [messages, attempts] = await db.batch([
    db.select().from(webhookMessages).where(inArray(webhookMessages.id, ids)),
    db
      .select()
      .from(webhookAttempts)
      .where(and(inArray(webhookAttempts.messageId, ids), eq(webhookAttempts.endpointId, address.endpointId)))
      .orderBy(asc(webhookAttempts.createdAt)),
  ]);
  const messageOf = new Map(messages.map((message) => [message.id, message]));
  const attemptsOf = Map.groupBy(attempts, ({ messageId }) => messageId);
  return {
    deliveries: rows.map(({ rowid: _, ...row }) => ({
      ...row,
      message: messageOf.get(row.messageId) ?? null,
      attempts: (attemptsOf.get(row.messageId) ?? []).slice(-mostAttemptsShown),
    })),
    nextCursor: found.length > page.limit ? (ids.at(-1) ?? null) : null,
  };
}

async function assertEndpoint({ storage }: Engine, { environmentId, endpointId }: EndpointAddress): Promise<void> {
  const { id } = webhookEndpoints;
  const own = and(eq(id, endpointId), eq(webhookEndpoints.environmentId, environmentId));
  const [row] = await storage.db.select({ id }).from(webhookEndpoints).where(own);
  if (row === undefined) throw new ScripError("webhook_endpoint_not_found", `No webhook endpoint ${endpointId}`);
}

function ofMessage(endpointId: string, messageId: string) {
  return and(eq(webhookDeliveries.messageId, messageId), eq(webhookDeliveries.endpointId, endpointId));
}

const rowid = sql<number>`rowid`;

async function rowidOf({ storage }: Engine, endpointId: string, messageId: string): Promise<number> {
  const [row] = await storage.db.select({ rowid }).from(webhookDeliveries).where(ofMessage(endpointId, messageId));
  if (row === undefined) throw notFound(messageId);
  return row.rowid;
}

function notFound(messageId: string): ScripError {
  return new ScripError("webhook_message_not_found", `No message ${messageId} to this endpoint`);
}

/** One more than a page. Each status by itself, because so the index has them in order: newest by rowid. */
async function newest(
  { storage }: Engine,
  endpoint: string,
  { before, limit, status }: DeliveriesPage & { before: number | null },
) {
  const { messageId, nextAttemptAt, deliveredAt, endpointId } = webhookDeliveries;
  const lists = await Promise.all(
    (status === null ? deliveryStatuses : [status]).map((one) =>
      storage.db
        .select({ rowid, messageId, status: webhookDeliveries.status, nextAttemptAt, deliveredAt })
        .from(webhookDeliveries)
        .where(
          and(
            eq(endpointId, endpoint),
            eq(webhookDeliveries.status, one),
            before === null ? undefined : lt(rowid, before),
          ),
        )
        .orderBy(desc(rowid))
        .limit(limit + 1),
    ),
  );
  // one that was settled between two of the reads is in both lists
  const distinct = new Map(lists.flat().map((row) => [row.rowid, row]));
  return [...distinct.values()].toSorted((a, b) => b.rowid - a.rowid).slice(0, limit + 1);
}

/**
 * Sends a message to an endpoint again, whatever became of it, with all the attempts of a new one and the same id. One
 * that is being sent at this moment is left to that. Throws `webhook_endpoint_not_found` or `webhook_message_not_found`.
 */
export async function retryDelivery(engine: Engine, address: EndpointAddress, messageId: string): Promise<void> {
  await assertEndpoint(engine, address);
  await rowidOf(engine, address.endpointId, messageId);
  const nowMs = engine.now();
  await engine.storage.writeOne((tx) =>
    tx
      .update(webhookDeliveries)
      .set({ status: "pending", attempts: 0, nextAttemptAt: nowMs, leaseUntil: 0, deliveredAt: null })
      .where(and(ofMessage(address.endpointId, messageId), lte(webhookDeliveries.leaseUntil, nowMs))),
  );
  engine.webhookBell.ring();
}
