import { and, eq, isNull } from "drizzle-orm";
import { webhookAttempts, webhookDeliveries, webhookEndpoints } from "../../schemas/webhook-tables.ts";
import type { Engine } from "../engine.ts";
import { bumpRevision } from "../revision.ts";
import type { Database } from "../storage.ts";
import { nextDelayMs } from "./backoff.ts";
import type { Claimed } from "./claim.ts";
import { attemptId, type DisabledReason, failingSince, noteDisabled } from "./history.ts";
import type { AttemptResult } from "./send.ts";

/** An endpoint that fails for this long without pause is disabled. */
const longestFailingMs = 5 * 24 * 3_600_000;
/** But not at the first hiccup after a quiet week: a delivery must have been tried over half an hour. */
const attemptsBeforeDisabling = 4;

/** Records an attempt that began at `atMs`: what it was, what becomes of the delivery, and what of the endpoint. */
export async function recordAttempt(
  engine: Engine,
  claimed: Claimed,
  result: AttemptResult,
  atMs: number,
): Promise<void> {
  const nowMs = engine.now();
  const disabled = await engine.storage.write(async (tx) => {
    await insertAttempt(tx, claimed, result, atMs);
    if (result.error === null) {
      await settleDelivered(tx, claimed, nowMs);
      return false;
    }
    await settleFailed(tx, claimed, result, nowMs);
    if (result.error === "withdrawn") return false;
    if (result.status === 410) return disableEndpoint(tx, claimed, "gone", nowMs);
    if (claimed.attempts + 1 < attemptsBeforeDisabling) return false;
    const sinceMs = await failingSince(tx, claimed.endpointId);
    if (sinceMs === null || nowMs - sinceMs < longestFailingMs) return false;
    return disableEndpoint(tx, claimed, "failing", nowMs);
  });
  if (disabled) await engine.environments.reload(claimed.environmentId);
}

async function insertAttempt(tx: Database, { messageId, endpointId }: Claimed, result: AttemptResult, atMs: number) {
  const { status, error, said, durationMs } = result;
  const id = attemptId(endpointId, error === null ? "good" : "bad", atMs);
  const words = said === "" ? error : `${error}: ${said}`;
  await tx
    .insert(webhookAttempts)
    .values({ id, messageId, endpointId, status, error: words, durationMs, createdAt: atMs });
}

function ofClaim({ messageId, endpointId }: Claimed) {
  return and(eq(webhookDeliveries.messageId, messageId), eq(webhookDeliveries.endpointId, endpointId));
}

/** It has arrived, whoever holds the lease by now. */
async function settleDelivered(tx: Database, claimed: Claimed, nowMs: number): Promise<void> {
  await tx
    .update(webhookDeliveries)
    .set({ status: "delivered", attempts: claimed.attempts + 1, leaseUntil: 0, deliveredAt: nowMs })
    .where(ofClaim(claimed));
}

/** Only under the lease, which whoever settled it has ended: whoever took it up after that knows better. */
async function settleFailed(tx: Database, claimed: Claimed, result: AttemptResult, nowMs: number): Promise<void> {
  const isFinal = result.status === 410 || result.error === "withdrawn";
  const delayMs = isFinal ? null : nextDelayMs(claimed.attempts + 1, result.retryAfterMs);
  const next = delayMs === null ? { status: "failed" as const } : { nextAttemptAt: nowMs + delayMs };
  await tx
    .update(webhookDeliveries)
    .set({ attempts: claimed.attempts + 1, leaseUntil: 0, ...next })
    .where(and(ofClaim(claimed), eq(webhookDeliveries.leaseUntil, claimed.leaseUntil)));
}

/**
 * Disables an endpoint, if it is not disabled already, and gives up what still waits for it. Whether anything changed:
 * then the environment must be loaded anew after the commit.
 */
export async function disableEndpoint(
  tx: Database,
  { endpointId, environmentId }: { endpointId: string; environmentId: string },
  reason: DisabledReason,
  nowMs: number,
): Promise<boolean> {
  const { id, disabledAt } = webhookEndpoints;
  const changed = await tx
    .update(webhookEndpoints)
    .set({ disabledAt: nowMs })
    .where(and(eq(id, endpointId), isNull(disabledAt)))
    .returning({ id });
  if (changed.length === 0) return false;
  await noteDisabled(tx, endpointId, reason, nowMs);
  const waiting = and(eq(webhookDeliveries.endpointId, endpointId), eq(webhookDeliveries.status, "pending"));
  await tx.update(webhookDeliveries).set({ status: "failed", leaseUntil: 0 }).where(waiting);
  await bumpRevision(tx, environmentId);
  return true;
}
