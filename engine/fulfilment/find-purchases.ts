import { inArray } from "drizzle-orm";
import { purchases } from "../../schemas/sales-tables.ts";
import { nextTurn } from "../next-turn.ts";
import type { Storage } from "../storage.ts";
import type { Purchase } from "./settling.ts";

/** What names a purchase to Stripe. */
export type SessionKey = { environmentId: string; accountId: string; sessionId: string };

/** Finds the purchase of a session; those who ask in one turn are answered by one query. */
export type PurchaseFinder = (key: SessionKey) => Promise<Purchase | undefined>;

type Waiting = {
  key: SessionKey;
  resolve: (purchase: Purchase | undefined) => void;
  reject: (error: unknown) => void;
};

const mostTogether = 200;

/** Makes the finder of one process. Nothing is kept: every answer is the database's own of now. */
export function createPurchaseFinder({ storage }: { storage: Storage }): PurchaseFinder {
  let waiting: Waiting[] = [];
  const ask = () => {
    const batch = waiting;
    waiting = [];
    for (let i = 0; i < batch.length; i += mostTogether) void answer(storage, batch.slice(i, i + mostTogether));
  };
  return (key) =>
    new Promise((resolve, reject) => {
      waiting.push({ key, resolve, reject });
      if (waiting.length === 1) void nextTurn().then(ask);
    });
}

async function answer({ db }: Storage, batch: readonly Waiting[]): Promise<void> {
  const ids = [...new Set(batch.map(({ key }) => key.sessionId))];
  try {
    const rows = await db.select().from(purchases).where(inArray(purchases.sessionId, ids));
    const bySession = new Map(rows.map((row) => [nameOf(row), row]));
    for (const { key, resolve } of batch) resolve(bySession.get(nameOf(key)));
  } catch (error) {
    for (const { reject } of batch) reject(error);
  }
}

function nameOf({ environmentId, accountId, sessionId }: SessionKey): string {
  return `${environmentId} ${accountId} ${sessionId}`;
}
