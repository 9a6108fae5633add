import { LibsqlError } from "@libsql/client";

/**
 * What an error of the database means, from a file or from a server. `conflict`: a rule of the schema forbids the write
 * (unique, foreign key, not null, check). `busy`: others hold the database, or it took the transaction away; nothing was
 * written. `unavailable`: it cannot be reached or cannot work; a write may or may not have happened. `other`: the
 * statement is wrong.
 */
export type StorageFault = "conflict" | "busy" | "unavailable" | "other";

/** The code of an error that this process made itself, because a server did not answer. */
export const unreachableCode = "SERVER_UNREACHABLE";

/**
 * By the primary code alone: a server tells no extended one. Hrana's own are of a connection that broke or spoke another
 * language, `SERVER_ERROR` is an HTTP status, `UNKNOWN` what the client has no word for.
 */
const kinds: readonly (readonly [RegExp, StorageFault])[] = [
  [/^SQLITE_CONSTRAINT/, "conflict"],
  [/^(SQLITE_(BUSY|LOCKED)|TRANSACTION_TIMEOUT$)/, "busy"],
  [/^(SERVER_UNREACHABLE|SERVER_ERROR|HRANA_\w+|UNKNOWN|CLIENT_CLOSED|TRANSACTION_CLOSED)$/, "unavailable"],
  [/^(STREAM_\w+|SQLITE_(IOERR|FULL|CANTOPEN|NOMEM|PROTOCOL|INTERRUPT|CORRUPT|NOTADB|READONLY))/, "unavailable"],
];

/** What an error means, or null where the database had no part in it. Looks through what wraps it. */
export function storageFault(error: unknown): StorageFault | null {
  const cause = libsqlErrorIn(error);
  if (cause === null) return null;
  // a request that the server does not want says nothing of the server; 408 and 429 do
  if (/^SERVER_ERROR: Server returned HTTP status 4(?!08|29)/.test(cause.message)) return "other";
  return kinds.find(([code]) => code.test(cause.code))?.[1] ?? "other";
}

/** Whether an error is a unique or primary-key violation: SQLite says the same of both, and a server only this. */
export function isUniqueViolation(error: unknown): boolean {
  return /UNIQUE constraint failed/.test(libsqlErrorIn(error)?.message ?? "");
}

/** Whether an error is the database's: it did not answer in time, cannot be reached, or refused. */
export function isStorageError(error: unknown): boolean {
  return libsqlErrorIn(error) !== null;
}

/** Drizzle wraps an error of a statement once. */
function libsqlErrorIn(error: unknown): LibsqlError | null {
  if (error instanceof LibsqlError) return error;
  return error instanceof Error && error.cause instanceof LibsqlError ? error.cause : null;
}
