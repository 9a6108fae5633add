import type { Client, InArgs, InStatement, ResultSet, TransactionMode } from "@libsql/client";
import { createAsk } from "./ask.ts";
import { type Circuit, createCircuit, patientRestMs } from "./circuit.ts";
import { remoteTransaction } from "./remote-transaction.ts";
import { createRoom } from "./room.ts";
import { wellFormed, wellFormedArgs } from "./well-formed.ts";

/**
 * How long a server is waited for. A write waits for those of others: a server lets nobody hold a transaction for more
 * than 5 seconds while somebody waits. `restMs` is how long a server that does not answer is not asked again.
 */
export type Patience = { readMs: number; writeMs: number; restMs: number };

const patience: Patience = { readMs: 3000, writeMs: 6000, restMs: patientRestMs };

/**
 * A server takes 128 requests at a time, of all its clients. Writes would only wait for each other there. What belongs to a
 * transaction needs no seat: those who sit may be waiting for its lock.
 */
const mostReads = 20;
const mostWrites = 4;

/**
 * A client of a server that may hang, die and come back: every call ends in time, with an error that `storageFault`
 * knows; a server that is not there is not asked by everybody; and a transaction that was lost stays lost. Clients of the
 * same server may share a circuit.
 */
export function remoteClient(
  client: Client,
  { readMs, writeMs, restMs }: Patience = patience,
  circuit: Circuit = createCircuit(restMs),
): Client {
  const ask = createAsk(circuit, () => {
    // all requests share one connection, and nothing else would find out that there is nobody at its other end
    if (client.protocol === "ws" && !client.closed) void reconnect(client);
  });
  const [reads, writes] = [createRoom(mostReads), createRoom(mostWrites)];
  return {
    execute: (statement: InStatement, args?: InArgs): Promise<ResultSet> => {
      const text = typeof statement === "string" ? statement : statement.sql;
      const run = () =>
        typeof statement === "string"
          ? client.execute(statement, args && wellFormedArgs(args))
          : client.execute(wellFormed(statement));
      // who reads waits for nobody's lock
      return /^\s*select\b/i.test(text) ? ask(run, readMs, reads) : ask(run, writeMs, writes);
    },
    batch: (statements, mode) => {
      const run = () => client.batch(statements.map(wellFormedOf), mode);
      return mode === "write" ? ask(run, writeMs, writes) : ask(run, readMs, reads);
    },
    migrate: (statements) => ask(() => client.migrate(statements), writeMs, writes),
    transaction: async (mode: TransactionMode = "write") => {
      const open = () => client.transaction(mode);
      // over http nothing is sent before the first statement, and what asks nobody says nothing of the server
      return remoteTransaction(await (client.protocol === "http" ? open() : ask(open, readMs)), ask, writeMs);
    },
    executeMultiple: (text) => ask(() => client.executeMultiple(text), writeMs, writes),
    sync: () => client.sync(),
    close: () => client.close(),
    reconnect: () => client.reconnect(),
    get closed() {
      return client.closed;
    },
    protocol: client.protocol,
  };
}

function wellFormedOf(statement: InStatement | [string, InArgs?]): InStatement | [string, InArgs?] {
  if (!Array.isArray(statement)) return wellFormed(statement);
  const [text, args] = statement;
  return args === undefined ? [text] : [text, wellFormedArgs(args)];
}

/** The next request begins another connection if this one does not. */
async function reconnect(client: Client): Promise<void> {
  try {
    await client.reconnect();
  } catch {}
}

/**
 * What `createClient` needs for a server beside its address: a `fetch` that gives up a request whose caller has, and room
 * for such requests beside those that are let through, so that none of them keeps the next ones from a server that is back.
 */
export function remoteOptions(fetch: typeof globalThis.fetch, { writeMs }: Patience = patience) {
  const giveUp: typeof fetch = (input, init) => fetch(input, { ...init, signal: AbortSignal.timeout(writeMs) });
  return { fetch: giveUp, concurrency: 100 };
}
