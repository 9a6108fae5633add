import { and, gt, lte, ne, sql } from "drizzle-orm";
import { rateLimits } from "../../schemas/tables.ts";
import type { Storage } from "../storage.ts";

/** What a server has counted of a subject in a window. */
export type SharedCount = { name: string; endsAt: number; subject: string; count: number };

/** Beyond this many the rest is heard of later, or not: a limit then holds on each server by itself. */
const mostRows = 5000;

/** Writes what a server has counted, in one statement. What it wrote before of the same window is replaced. */
export async function writeCounts({ write }: Storage, node: string, counts: SharedCount[]): Promise<void> {
  const rows = counts.map(({ endsAt, name, subject, count }) => [endsAt, name, subject, node, count]);
  await write((tx) =>
    tx.run(sql`
      insert into rate_limits (window_ends_at, name, subject, node, count)
      select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 from json_each(${JSON.stringify(rows)}) where true
      on conflict (window_ends_at, name, subject, node) do update set count = excluded.count`),
  );
}

/** What all servers but one have counted together in windows that have not ended. */
export async function countsOfOthers({ db }: Storage, node: string, nowMs: number): Promise<SharedCount[]> {
  const { name, windowEndsAt: endsAt, subject } = rateLimits;
  return db
    .select({ name, endsAt, subject, count: sql<number>`sum(${rateLimits.count})` })
    .from(rateLimits)
    .where(and(gt(endsAt, nowMs), ne(rateLimits.node, node)))
    .groupBy(endsAt, name, subject)
    .limit(mostRows);
}

/** Deletes what no server needs any more, whichever wrote it. */
export async function deleteCounts({ write }: Storage, endedBeforeMs: number): Promise<void> {
  await write((tx) => tx.delete(rateLimits).where(lte(rateLimits.windowEndsAt, endedBeforeMs)));
}
