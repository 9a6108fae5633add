import type { Storage } from "../storage.ts";
import { settleSessions } from "./settle-sessions.ts";
import type { Settled, Settling } from "./settling.ts";

/** Settles sessions in the database, those that wait together by one transaction. Resolves when it is durable. */
export type Settler = (settling: Settling) => Promise<Settled>;

type Waiting = { settling: Settling; resolve: (settled: Settled) => void; reject: (error: unknown) => void };

const mostTogether = 100;

/** Makes the settler of one process. One session that cannot be settled does not keep the others from it. */
export function createSettler({ storage }: { storage: Storage }): Settler {
  const waiting: Waiting[] = [];
  const settleNext = async () => {
    let batch: Waiting[] = [];
    try {
      const settled = await storage.write((tx) => {
        // whoever has come until now
        batch = waiting.splice(0, mostTogether);
        return settleSessions(
          tx,
          batch.map(({ settling }) => settling),
        );
      });
      batch.forEach(({ resolve }, i) => {
        resolve(settled[i] ?? { completed: null, granted: [] });
      });
    } catch (error) {
      // the database did not even begin: nobody is left waiting
      if (batch.length === 0) for (const { reject } of waiting.splice(0)) reject(error);
      else if (batch.length === 1) batch[0]?.reject(error);
      else await Promise.all(batch.map((one) => settleAlone(storage, one)));
    }
  };
  let settling = false;
  const settleAll = async () => {
    while (waiting.length > 0) await settleNext();
    settling = false;
  };
  return (one) =>
    new Promise((resolve, reject) => {
      waiting.push({ settling: one, resolve, reject });
      if (settling) return;
      settling = true;
      void settleAll();
    });
}

async function settleAlone(storage: Storage, { settling, resolve, reject }: Waiting): Promise<void> {
  await storage
    .write((tx) => settleSessions(tx, [settling]))
    .then(([settled]) => resolve(settled ?? { completed: null, granted: [] }), reject);
}
