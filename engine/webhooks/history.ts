import { and, asc, desc, gt, lt } from "drizzle-orm";
import { webhookAttempts } from "../../schemas/webhook-tables.ts";
import { newEventId } from "../event-id.ts";
import type { Database } from "../storage.ts";

/**
 * What happened to an endpoint, in the order of time: attempts that went well, attempts that did not, and when it was
 * disabled. The three are kept apart in the ids of the rows, so that the last good attempt, and the first bad one after
 * it, are each found in one step, however many there are.
 */
type Kind = "good" | "bad" | "off";

/** Why an endpoint was disabled: by an operator, because it answered 410, or because it failed for too long. */
export const disabledReasons = ["operator", "gone", "failing"] as const;
export type DisabledReason = (typeof disabledReasons)[number];

/** The id of a row about an endpoint: `<endpoint>.<kind>.<UUIDv7>`. */
export function attemptId(endpointId: string, kind: Kind, atMs: number): string {
  return `${prefix(endpointId, kind)}${newEventId(atMs)}`;
}

function prefix(endpointId: string, kind: Kind): string {
  return `${endpointId}.${kind}.`;
}

/** All rows of a kind that come after `from`; `~` is behind every character of an id. */
function after(endpointId: string, kind: Kind, from = "") {
  const begin = prefix(endpointId, kind);
  return and(gt(webhookAttempts.id, `${begin}${from}`), lt(webhookAttempts.id, `${begin}~`));
}

/** Since when every attempt of an endpoint failed, or null when the last one did not. */
export async function failingSince(tx: Database, endpointId: string): Promise<number | null> {
  const { id, createdAt } = webhookAttempts;
  const good = tx.select({ id }).from(webhookAttempts).where(after(endpointId, "good"));
  const [lastGood] = await good.orderBy(desc(id)).limit(1);
  const since = lastGood?.id.slice(prefix(endpointId, "good").length);
  const bad = tx
    .select({ createdAt })
    .from(webhookAttempts)
    .where(after(endpointId, "bad", since));
  const [firstBad] = await bad.orderBy(asc(id)).limit(1);
  return firstBad?.createdAt ?? null;
}

/** Notes that an endpoint was enabled: what failed before counts no longer against it. */
export async function noteEnabled(tx: Database, endpointId: string, nowMs: number): Promise<void> {
  await note(tx, endpointId, "good", { error: null, nowMs });
}

/** Notes that an endpoint was disabled, and why. */
export async function noteDisabled(
  tx: Database,
  endpointId: string,
  reason: DisabledReason,
  nowMs: number,
): Promise<void> {
  await note(tx, endpointId, "off", { error: reason, nowMs });
}

/** A row that is about no message. */
async function note(tx: Database, endpointId: string, kind: Kind, what: { error: string | null; nowMs: number }) {
  const { error, nowMs } = what;
  const id = attemptId(endpointId, kind, nowMs);
  await tx
    .insert(webhookAttempts)
    .values({ id, messageId: "", endpointId, status: null, error, durationMs: 0, createdAt: nowMs });
}

/** Why an endpoint was last disabled, as far as that is still known. */
export async function lastDisabledReason(db: Database, endpointId: string): Promise<DisabledReason | null> {
  const { id, error } = webhookAttempts;
  const notes = db.select({ error }).from(webhookAttempts).where(after(endpointId, "off"));
  const [last] = await notes.orderBy(desc(id)).limit(1);
  return disabledReasons.find((reason) => reason === last?.error) ?? null;
}
