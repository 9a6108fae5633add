import { getTableColumns, getTableName, type SQL, sql } from "drizzle-orm";
import type { SQLiteTable } from "drizzle-orm/sqlite-core";
import type { Database } from "../storage.ts";

/**
 * Inserts many rows by one statement with one parameter; rows that are there already are left out. The text of the
 * statement is made once for each table: building a query with a parameter for each column and row costs more than to
 * run it.
 */
export async function insertRows<T extends SQLiteTable>(
  tx: Database,
  table: T,
  rows: readonly T["$inferInsert"][],
): Promise<void> {
  if (rows.length === 0) return;
  const { head, values } = statementOf(table);
  const data = rows.map((row) => values.map((read) => read(row)));
  await tx.run(sql`${head} from json_each(${JSON.stringify(data)}) where true on conflict do nothing`);
}

type Statement = { head: SQL; values: ((row: Record<string, unknown>) => unknown)[] };

const statements = new WeakMap<SQLiteTable, Statement>();

function statementOf(table: SQLiteTable): Statement {
  const known = statements.get(table);
  if (known !== undefined) return known;
  const columns = Object.entries(getTableColumns(table));
  const names = columns.map(([, { name }]) => `"${name}"`).join(", ");
  const picked = columns.map((_, i) => `value ->> ${i}`).join(", ");
  const made: Statement = {
    head: sql.raw(`insert into "${getTableName(table)}" (${names}) select ${picked}`),
    values: columns.map(([key, column]) => (row) => {
      const value = row[key];
      if (value === undefined || value === null) return null;
      const stored = column.mapToDriverValue(value);
      if (typeof stored === "boolean") return stored ? 1 : 0;
      // SQLite's JSON functions would store what is not well-formed as it is, and the driver could not read it
      return typeof stored === "string" ? stored.toWellFormed() : stored;
    }),
  };
  statements.set(table, made);
  return made;
}
