import type { Client } from "@libsql/client";
import { CommandFailure } from "./failure.ts";

const batchCharacters = 1 << 20;

/**
 * Runs the SQL text that a libSQL server gives of its database, in an empty one. Fails with `dump_incomplete` when the text
 * ends before its last word, which is COMMIT.
 */
export async function loadDump(client: Client, text: ReadableStream<Uint8Array>): Promise<void> {
  let batch = "";
  let isComplete = false;
  const flush = async () => {
    // the dump is one transaction; the driver ends one that is left open between two calls
    if (batch !== "") await client.executeMultiple(`begin;\n${batch}commit;`);
    batch = "";
  };
  for await (const statement of statements(text)) {
    isComplete = statement === "COMMIT;";
    if (isComplete || statement === "BEGIN TRANSACTION;" || statement.startsWith("PRAGMA ")) continue;
    batch += `${statement}\n`;
    if (batch.length > batchCharacters) await flush();
  }
  await flush();
  if (!isComplete) throw new CommandFailure("dump_incomplete", "The database server ended its dump before its end");
}

/** A statement ends with the line that ends with a semicolon outside of quotes; a dump holds no triggers of Scrip's. */
async function* statements(text: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let statement = "";
  let isQuoted = false;
  for await (const line of linesOf(text)) {
    statement = statement === "" ? line : `${statement}\n${line}`;
    // a quote within quotes is doubled
    if (line.split("'").length % 2 === 0) isQuoted = !isQuoted;
    if (isQuoted || !line.endsWith(";")) continue;
    yield statement;
    statement = "";
  }
  if (statement.trim() !== "") throw new CommandFailure("dump_incomplete", "The database server broke off its dump");
}

async function* linesOf(text: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const bytes of text) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  rest += decoder.decode();
  if (rest !== "") yield rest;
}
