import { asc, gt, sql } from "drizzle-orm";
import { entitlements } from "../schemas/sales-tables.ts";
import { nextTurn } from "./next-turn.ts";
import type { Storage } from "./storage.ts";

/**
 * Who may hold anything at all, members by their identifier and guests by their session. Most visitors hold nothing, and
 * asking the database about each of them costs more than the rest of a decision. A yes may be wrong and is asked of the
 * database; a no is right as of the latest refresh, a second ago at most. It decides what is offered, never who has access.
 */
export type Holders = {
  mayHold(environmentId: string, identifier: string): boolean;
  /** Somebody was just granted something by this process: known at once. Call it after the commit. */
  note(environmentId: string, identifier: string): void;
  /** Reads the entitlements that were made since the last time. Call it about once a second. */
  refresh(): Promise<void>;
};

/** Beyond this many everybody may hold something: about 40 MB. */
const mostHolders = 1_000_000;
const pageSize = 5000;

/** Knows nobody until the first refresh, and then answers yes for everybody. */
export function createHolders({ storage }: { storage: Storage }): Holders {
  const hashes = new Set<number>();
  let complete = false;
  let lastRow = 0;
  const note = (environmentId: string, identifier: string) => {
    if (hashes.size <= mostHolders) hashes.add(hashOf(environmentId, identifier));
  };
  return {
    note,
    mayHold: (environmentId, identifier) =>
      !complete || hashes.size > mostHolders || hashes.has(hashOf(environmentId, identifier)),
    async refresh() {
      for (;;) {
        const rows = await entitlementsAfter(storage, lastRow);
        for (const { row, environmentId, identifier, guest } of rows) {
          note(environmentId, identifier);
          if (guest !== null) note(environmentId, guest);
          lastRow = row;
        }
        if (rows.length < pageSize) break;
        await nextTurn();
      }
      complete = true;
    },
  };
}

/** Rows are numbered as they are made and never deleted, and whose they are never changes. */
function entitlementsAfter({ db }: Storage, lastRow: number) {
  const { environmentId, identifier, guest } = entitlements;
  const row = sql<number>`rowid`;
  return db
    .select({ row, environmentId, identifier, guest })
    .from(entitlements)
    .where(gt(row, lastRow))
    .orderBy(asc(row))
    .limit(pageSize);
}

/** 53 bits of two FNV-1a hashes: two people alike are asked of the database, which is all that happens. */
function hashOf(environmentId: string, identifier: string): number {
  let high = 0x811c9dc5;
  let low = 0x01000193;
  const text = `${environmentId}:${identifier}`;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    high = Math.imul(high ^ code, 0x01000193);
    low = Math.imul(low ^ code, 0x85ebca6b);
  }
  return (high >>> 0) * 0x200000 + (low >>> 11);
}
