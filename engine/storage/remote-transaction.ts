import type { InStatement, ResultSet, Transaction } from "@libsql/client";
import { storageFault } from "../storage-fault.ts";
import type { Ask } from "./ask.ts";
import { wellFormed } from "./well-formed.ts";

/**
 * A transaction of a server. Words about savepoints are sent along with the next statement: alone each would cost a
 * round trip. And it ends with the first error that is not a statement's own. A server that took the transaction away
 * says so once, and whatever comes after it on the same stream counts at once and by itself: nothing may come.
 */
export function remoteTransaction(inner: Transaction, ask: Ask, withinMs: number): Transaction {
  let lost: { error: unknown } | undefined;
  let begun = false;
  let words: string[] = [];
  const stop = (error: unknown) => {
    lost ??= { error };
    // if the server is there at all, nobody need wait for the lock
    inner.rollback().catch(() => inner.close());
    return error;
  };
  const send = async (statements: InStatement[]): Promise<ResultSet[]> => {
    if (lost !== undefined) throw lost.error;
    const before = words;
    words = [];
    begun = true;
    try {
      const results = await ask(() => inner.batch([...before, ...statements.map(wellFormed)]), withinMs);
      return results.slice(before.length);
    } catch (error) {
      throw isOfStatement(error, before.length) ? error : stop(error);
    }
  };
  return {
    async execute(statement) {
      const text = typeof statement === "string" ? statement : statement.sql;
      if (/^(release )?savepoint |^rollback to savepoint /.test(text)) {
        words.push(text);
        return nothing;
      }
      const [result = nothing] = await send([statement]);
      return result;
    },
    batch: send,
    executeMultiple: () => Promise.reject(new Error("several statements in one text are not for transactions")),
    async commit() {
      // what is released last is kept by the commit
      if (words.some((word) => !word.startsWith("release ")) && begun) await send([]);
      if (lost !== undefined) throw lost.error;
      if (!begun) return inner.close();
      try {
        await ask(() => inner.commit(), withinMs);
      } catch (error) {
        throw stop(error);
      }
    },
    async rollback() {
      if (lost !== undefined) return;
      if (!begun) return inner.close();
      // the server does it too, when nobody speaks of the transaction any more
      await ask(() => inner.rollback(), withinMs).catch(stop);
    },
    close: () => inner.close(),
    get closed() {
      return lost !== undefined || inner.closed;
    },
  };
}

/** SQLite undoes the statement alone, and the transaction goes on; unless it was one of the words before it. */
function isOfStatement(error: unknown, wordsBefore: number): boolean {
  const kind = storageFault(error);
  if (kind !== "conflict" && kind !== "other") return false;
  const index = error instanceof Error && "statementIndex" in error ? error.statementIndex : wordsBefore;
  return typeof index === "number" && index >= wordsBefore;
}

const nothing: ResultSet = {
  columns: [],
  columnTypes: [],
  rows: [],
  rowsAffected: 0,
  lastInsertRowid: undefined,
  toJSON: () => ({}),
};
