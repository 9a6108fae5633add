import { LibsqlError } from "@libsql/client";
import { storageFault, unreachableCode } from "../storage-fault.ts";
import type { Circuit } from "./circuit.ts";
import type { Room } from "./room.ts";

/**
 * Does `work` within a time, in its turn where it needs a seat in a room. What the network did to it is thrown as a
 * `LibsqlError` that means `unavailable`.
 */
export type Ask = <T>(work: () => Promise<T>, withinMs: number, room?: Room) => Promise<T>;

/**
 * Makes the way to a server: one that did not answer is left alone for a while, and who asks meanwhile is told at once.
 * The time includes the wait for a seat; who ran out of it there is not sent later. `onHang` is
 * called when no answer came in time.
 */
export function createAsk(circuit: Circuit, onHang: () => void): Ask {
  return async (work, withinMs, room) => {
    const entry = circuit.enter();
    if (entry === "refused") throw gone();
    const { promise: late, reject } = Promise.withResolvers<never>();
    const seat = room?.take();
    let asked = false;
    const timer = setTimeout(() => {
      reject(unreachable(`The database server gave no answer in ${withinMs} ms`));
      if (asked) onHang();
    }, withinMs);
    const answer = async () => {
      await seat?.free;
      // those before in the line have found out
      if (entry === "with-others" && circuit.isOpen()) throw gone();
      asked = true;
      return work();
    };
    try {
      const result = await Promise.race([answer(), late]);
      circuit.succeeded();
      return result;
    } catch (thrown) {
      const error = isOfNetwork(thrown) ? unreachable("The database server cannot be reached", thrown) : thrown;
      if (storageFault(error) !== "unavailable") circuit.succeeded();
      else if (asked) circuit.failed();
      throw error;
    } finally {
      clearTimeout(timer);
      seat?.leave();
    }
  };
}

/** What `fetch` rejects with, and a body that is no answer of the protocol: a proxy's page. */
function isOfNetwork(thrown: unknown): boolean {
  if (!(thrown instanceof Error) || storageFault(thrown) !== null) return false;
  if (["TimeoutError", "AbortError", "SyntaxError"].includes(thrown.name)) return true;
  // how workerd marks what came from outside of it
  if ("retryable" in thrown || "remote" in thrown) return true;
  return thrown instanceof TypeError && /fetch|network|connection|terminated/i.test(thrown.message);
}

function gone(): LibsqlError {
  return unreachable("The database server did not answer a moment ago");
}

function unreachable(message: string, cause?: unknown): LibsqlError {
  return new LibsqlError(message, unreachableCode, undefined, undefined, cause instanceof Error ? cause : undefined);
}
