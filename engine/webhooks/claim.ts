import { and, asc, eq, lte, notInArray, sql } from "drizzle-orm";
import { webhookDeliveries } from "../../schemas/webhook-tables.ts";
import type { Engine } from "../engine.ts";
import type { Database } from "../storage.ts";

/** A delivery that this process has until `leaseUntil`, and nobody else. */
export type Claimed = {
  messageId: string;
  endpointId: string;
  environmentId: string;
  attempts: number;
  leaseUntil: number;
};

/** Longer than an attempt takes, and than the wait for the database after it. */
const leaseMs = 60_000;

/** How many attempts a process has under way: few of one endpoint, so that a slow one leaves room for the others. */
const mostOfOneEndpoint = 4;
const mostAtOnce = 100;
const rowsPerLook = 100;

/**
 * Claims what is due, the longest waiting first: as much as there is room for beside what is `underWay`, by endpoint.
 * Of several processes one gets a delivery; one that was claimed and not settled is due again after its lease.
 */
export async function claimDue(engine: Engine, underWay: ReadonlyMap<string, number>): Promise<Claimed[]> {
  for (;;) {
    const nowMs = engine.now();
    const rowids = await choose(engine, nowMs, underWay);
    if (rowids.length === 0) return [];
    const claimed = await engine.storage.writeOne((tx) => claim(tx, rowids, nowMs));
    // others were faster with all of them, which says nothing of the rest
    if (claimed.length > 0) return claimed;
  }
}

/** What was chosen outside of the transaction is asked again whether it is free. */
function claim(tx: Database, rowids: number[], nowMs: number): Promise<Claimed[]> {
  const { messageId, endpointId, environmentId, attempts, leaseUntil } = webhookDeliveries;
  const chosen = sql`rowid in (select value from json_each(${JSON.stringify(rowids)}))`;
  return tx
    .update(webhookDeliveries)
    .set({ leaseUntil: nowMs + leaseMs })
    .where(and(chosen, isFree(nowMs)))
    .returning({ messageId, endpointId, environmentId, attempts, leaseUntil });
}

function isFree(nowMs: number) {
  const { status, nextAttemptAt, leaseUntil } = webhookDeliveries;
  return and(eq(status, "pending"), lte(nextAttemptAt, nowMs), lte(leaseUntil, nowMs));
}

/** Looks until there is no more room or nothing more is due; endpoints that are full are passed over. */
async function choose(engine: Engine, nowMs: number, underWay: ReadonlyMap<string, number>): Promise<number[]> {
  const taken = new Map(underWay);
  const chosen = new Set<number>();
  let room = mostAtOnce - [...taken.values()].reduce((sum, count) => sum + count, 0);
  while (room > 0) {
    const full = [...taken].filter(([, count]) => count >= mostOfOneEndpoint).map(([endpointId]) => endpointId);
    const rows = await look(engine, nowMs, full);
    const before = chosen.size;
    for (const { rowid, endpointId } of rows) {
      const count = taken.get(endpointId) ?? 0;
      if (room === 0 || count >= mostOfOneEndpoint || chosen.has(rowid)) continue;
      chosen.add(rowid);
      taken.set(endpointId, count + 1);
      room -= 1;
    }
    if (rows.length < rowsPerLook || chosen.size === before) break;
  }
  return [...chosen];
}

function look({ storage }: Engine, nowMs: number, full: string[]) {
  const { endpointId, nextAttemptAt } = webhookDeliveries;
  return storage.db
    .select({ rowid: sql<number>`rowid`, endpointId })
    .from(webhookDeliveries)
    .where(and(isFree(nowMs), notInArray(endpointId, full)))
    .orderBy(asc(nextAttemptAt))
    .limit(rowsPerLook);
}
