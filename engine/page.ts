import { type SQL, type SQLWrapper, sql } from "drizzle-orm";

/** The last row of a page: when it was made, and its number. Rows are numbered as they are made. */
export type Cursor = { createdAt: number; row: number };

/** A page that is asked for: at most `limit` rows older than the cursor's, or the newest. */
export type PageWanted = { cursor: Cursor | null; limit: number };

/** A page, newest first. `next` leads to the one after it; null on the last. */
export type Page<T> = { items: T[]; next: Cursor | null };

/** The newest page of a list. */
export function newest(limit: number): PageWanted {
  return { cursor: null, limit };
}

/** The number of a table's row. It tells rows of one moment apart, which ids of chance cannot put into an order. */
export function numberOf(table: SQLWrapper): SQL<number> {
  return sql<number>`${table}.rowid`;
}

/** What is older than a cursor: rows that are added meanwhile move nothing, so that no row is missed or shown twice. */
export function olderThan(createdAt: SQLWrapper, row: SQL<number>, cursor: Cursor | null): SQL | undefined {
  return cursor === null ? undefined : sql`(${createdAt}, ${row}) < (${cursor.createdAt}, ${cursor.row})`;
}

/** Makes a page of rows of which one more was read than it may have. */
export function pageOf<T extends { createdAt: number }>(rows: { row: number; item: T }[], limit: number): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const next = last === undefined || rows.length <= limit ? null : { createdAt: last.item.createdAt, row: last.row };
  return { items: shown.map(({ item }) => item), next };
}
