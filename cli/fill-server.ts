import type { Client, InStatement, Row } from "@libsql/client";
import { CommandFailure } from "./failure.ts";

const rowsPerRead = 500;
const charactersPerBatch = 2 << 20;

/**
 * Copies a database file into the empty database of a server. The ledger of migrations comes last: until then no server of
 * Scrip's starts on it. Fails with `not_empty` where anything is there already, and says so too after it was broken off.
 */
export async function fillServer(server: Client, source: Client): Promise<void> {
  const there = await server.execute("select count(*) as tables from sqlite_schema where name not like 'sqlite_%'");
  if (Number(there.rows[0]?.tables) > 0) {
    throw new CommandFailure("not_empty", "The database of the server is not empty", {
      hint: "Restore into a new one, and set DATABASE_URL to that",
    });
  }
  const schema = await source.execute(
    "select type, name, sql from sqlite_schema where sql is not null and name not like 'sqlite_%' order by type = 'index'",
  );
  const [tables, indexes] = [
    schema.rows.filter(({ type }) => type === "table"),
    schema.rows.filter(({ type }) => type !== "table"),
  ];
  const names = tables.map(({ name }) => String(name)).filter((name) => name !== "migrations");
  const statementsOf = (rows: Row[]) => rows.map(({ sql }) => String(sql));
  await server.batch(statementsOf(tables.filter(({ name }) => name !== "migrations")), "write");
  for (const name of names) await copyTable(server, source, name);
  if (indexes.length > 0) await server.batch(statementsOf(indexes), "write");
  await copySequences(server, source);
  await server.batch(statementsOf(tables.filter(({ name }) => name === "migrations")), "write");
  await copyTable(server, source, "migrations");
}

async function copyTable(server: Client, source: Client, table: string): Promise<void> {
  const name = `"${table}"`;
  let [after, copied] = [Number.MIN_SAFE_INTEGER, 0];
  for (;;) {
    const { rows, columns } = await source.execute({
      sql: `select rowid as "rowid of the source", * from ${name} where rowid > ? order by rowid limit ${rowsPerRead}`,
      args: [after],
    });
    if (rows.length === 0) break;
    const fields = columns.slice(1);
    const sql = `insert into ${name} (${fields.map((field) => `"${field}"`).join()}) values (${fields.map(() => "?").join()})`;
    await insert(
      server,
      rows.map((row) => ({ sql, args: fields.map((field) => row[field] ?? null) })),
    );
    after = Number(rows.at(-1)?.["rowid of the source"]);
    copied += rows.length;
  }
  const { rows } = await server.execute(`select count(*) as there from ${name}`);
  if (Number(rows[0]?.there) !== copied) throw new Error(`${rows[0]?.there} of ${copied} rows of ${table} arrived`);
}

/** In requests of a size that servers take. */
async function insert(server: Client, statements: { sql: string; args: Row[string][] }[]): Promise<void> {
  let batch: InStatement[] = [];
  let size = 0;
  for (const statement of statements) {
    const own = statement.args.reduce<number>((sum, value) => sum + sizeOf(value), statement.sql.length);
    if (batch.length > 0 && size + own > charactersPerBatch) {
      await server.batch(batch, "write");
      [batch, size] = [[], 0];
    }
    batch.push(statement);
    size += own;
  }
  await server.batch(batch, "write");
}

function sizeOf(value: Row[string]): number {
  if (typeof value === "string") return value.length;
  return value instanceof ArrayBuffer ? Math.ceil(value.byteLength * 1.4) : 8;
}

/** The last numbers that were given out, whose rows may be gone. */
async function copySequences(server: Client, source: Client): Promise<void> {
  const { rows } = await source.execute("select name, seq from sqlite_sequence");
  for (const { name, seq } of rows) {
    await server.batch(
      [
        { sql: "delete from sqlite_sequence where name = ?", args: [name ?? null] },
        { sql: "insert into sqlite_sequence (name, seq) values (?, ?)", args: [name ?? null, seq ?? null] },
      ],
      "write",
    );
  }
}
