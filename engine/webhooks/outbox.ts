import type { JsonObject } from "../../schemas/json.ts";
import { webhookDeliveries, webhookMessages } from "../../schemas/webhook-tables.ts";
import type { WebhookType } from "../../schemas/webhooks.ts";
import type { Environment } from "../environments.ts";
import { newEventId } from "../event-id.ts";
import type { Database } from "../storage.ts";

/** Something to tell: what happened, and the `data` of its payload. */
export type WebhookMessage = { type: WebhookType; data: JsonObject };

/** A message and whom it is for. */
type Addressed = { message: WebhookMessage; endpointIds: readonly string[] };

/**
 * Tells an environment's webhook endpoints what becomes true in the transaction `tx`: nothing is told if it is rolled
 * back, and nothing is lost once it is committed. At most two statements; none where no endpoint wants to know.
 * After the commit ring `engine.webhookBell`, or it is sent up to a second later.
 */
export async function tell(
  tx: Database,
  environment: Environment,
  messages: readonly WebhookMessage[],
  nowMs: number,
): Promise<void> {
  const addressed = messages.map((message) => ({ message, endpointIds: wantedBy(environment, message.type) }));
  await post(tx, environment.id, addressed, nowMs);
}

/** Tells one endpoint alone, whatever types it wants. The id of the message. */
export async function tellOne(
  tx: Database,
  { environmentId, endpointId }: { environmentId: string; endpointId: string },
  message: WebhookMessage,
  nowMs: number,
): Promise<string> {
  const [id = ""] = await post(tx, environmentId, [{ message, endpointIds: [endpointId] }], nowMs);
  return id;
}

function wantedBy({ webhookEndpoints }: Environment, type: WebhookType): string[] {
  return webhookEndpoints.filter(({ types }) => types.length === 0 || types.includes(type)).map(({ id }) => id);
}

/** SQLite takes 32,766 parameters in a statement; a delivery has eight. */
const rowsPerStatement = 4000;

async function post(tx: Database, environmentId: string, addressed: Addressed[], nowMs: number): Promise<string[]> {
  const wanted = addressed
    .filter(({ endpointIds }) => endpointIds.length > 0)
    .map(({ message: { type, data }, endpointIds }) => {
      const payload = { type, timestamp: new Date(nowMs).toISOString(), data };
      return { endpointIds, row: { id: `msg_${newEventId(nowMs)}`, environmentId, type, payload, createdAt: nowMs } };
    });
  const deliveries = wanted.flatMap(({ endpointIds, row }) =>
    endpointIds.map((endpointId) => ({
      messageId: row.id,
      endpointId,
      environmentId,
      status: "pending" as const,
      attempts: 0,
      nextAttemptAt: nowMs,
      leaseUntil: 0,
    })),
  );
  const rows = wanted.map(({ row }) => row);
  for (let i = 0; i < rows.length; i += rowsPerStatement) {
    await tx.insert(webhookMessages).values(rows.slice(i, i + rowsPerStatement));
  }
  for (let i = 0; i < deliveries.length; i += rowsPerStatement) {
    await tx.insert(webhookDeliveries).values(deliveries.slice(i, i + rowsPerStatement));
  }
  return rows.map(({ id }) => id);
}
