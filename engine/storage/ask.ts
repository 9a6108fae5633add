import { LibsqlError } from "@libsql/client";
import { storageFault, unreachableCode } from "../storage-fault.ts";
import { createCircuit } from "./circuit.ts";

/** Does `work` within a time. What the network did to it is thrown as a `LibsqlError` that means `unavailable`. */
export type Ask = <T>(work: () => Promise<T>, withinMs: number) => Promise<T>;

/**
 * Makes the way to a server: one that did not answer is left alone for `restMs`, and who asks meanwhile is told at once.
 * `onHang` is called when no answer came in time.
 */
export function createAsk(restMs: number, onHang: () => void): Ask {
  const circuit = createCircuit(restMs);
  return async (work, withinMs) => {
    if (!circuit.admits()) throw unreachable("The database server did not answer a moment ago");
    try {
      const result = await within(withinMs, work, onHang);
      circuit.succeeded();
      return result;
    } catch (thrown) {
      const error = isOfNetwork(thrown) ? unreachable("The database server cannot be reached", thrown) : thrown;
      if (storageFault(error) === "unavailable") circuit.failed();
      else circuit.succeeded();
      throw error;
    }
  };
}

/** What `fetch` rejects with, and a body that is no answer of the protocol: a proxy's page. */
function isOfNetwork(thrown: unknown): boolean {
  if (!(thrown instanceof Error) || storageFault(thrown) !== null) return false;
  if (["TimeoutError", "AbortError", "SyntaxError"].includes(thrown.name)) return true;
  return thrown instanceof TypeError && /fetch|network|connection|terminated/i.test(thrown.message);
}

async function within<T>(timeMs: number, work: () => Promise<T>, onHang: () => void): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(unreachable(`The database server gave no answer in ${timeMs} ms`));
    onHang();
  }, timeMs);
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}

function unreachable(message: string, cause?: unknown): LibsqlError {
  return new LibsqlError(message, unreachableCode, undefined, undefined, cause instanceof Error ? cause : undefined);
}
