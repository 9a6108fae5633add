import { and, eq, sql } from "drizzle-orm";
import { identityCounters } from "../schemas/identity-tables.ts";
import type { Database } from "./storage.ts";

/** What is counted, for whom, and by how much: a negative number counts down. */
export type CounterUpdate = { environmentId: string; identityKey: string; counterId: string; update: number };

/** A counter as it stands: 0 where nothing was ever counted. */
export async function readCounter(
  db: Database,
  { environmentId, identityKey, counterId }: Omit<CounterUpdate, "update">,
): Promise<number> {
  const own = and(
    eq(identityCounters.environmentId, environmentId),
    eq(identityCounters.identityKey, identityKey),
    eq(identityCounters.counterId, counterId),
  );
  const [row] = await db.select({ value: identityCounters.value }).from(identityCounters).where(own);
  return row?.value ?? 0;
}

/** So many counters one identity may have. */
export const mostCounters = 256;

/**
 * Counts, in one statement, and gives the counter's new value. Null where nothing was counted: the identity has as many
 * counters as it may, or the number would be too large to be exact.
 */
export async function incrementCounter(
  tx: Database,
  { environmentId, identityKey, counterId, update }: CounterUpdate,
  nowMs: number,
): Promise<number | null> {
  const own = sql`environment_id = ${environmentId} and identity_key = ${identityKey}`;
  const [counted] = await tx.all<{ value: number }>(sql`
    insert into ${identityCounters} (environment_id, identity_key, counter_id, value, updated_at)
    select ${environmentId}, ${identityKey}, ${counterId}, ${update}, ${nowMs}
    where exists (select 1 from ${identityCounters} where ${own} and counter_id = ${counterId})
      or (select count(*) from ${identityCounters} where ${own}) < ${mostCounters}
    on conflict (environment_id, identity_key, counter_id) do update
      set value = identity_counters.value + excluded.value, updated_at = excluded.updated_at
      where abs(identity_counters.value + excluded.value) <= ${Number.MAX_SAFE_INTEGER}
    returning value`);
  return counted?.value ?? null;
}
