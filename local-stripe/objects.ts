import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import * as v from "valibot";
import { type Kind, kinds, type RecordOf, recordSchemas } from "./records.ts";
import type { references } from "./tables.ts";

/** A filter of `created`, Unix seconds (Stripe API reference, "Pagination": range queries). */
export type TimeRange = number | { gt?: number; gte?: number; lt?: number; lte?: number };

/** Which objects of a kind, and from where on; lists go newest first. */
export interface ObjectQuery {
  /** Members that have to have these values; those without one do not count. */
  by?: Partial<Record<(typeof references)[number], string | undefined>>;
  created?: TimeRange | undefined;
  /** Only what comes after this object in the list, further back in time. */
  after?: string | undefined;
  /** Only what comes before it, nearest first: the list backwards. */
  before?: string | undefined;
}

/** An object to which something is to happen, and when: Unix seconds. */
export interface DueObject {
  id: string;
  kind: Kind;
  dueAt: number;
}

/** The Stripe objects remembered. */
export interface Objects {
  get<K extends Kind>(kind: K, id: string): RecordOf<K> | undefined;
  /** All of a kind, newest first. */
  list<K extends Kind>(kind: K): RecordOf<K>[];
  /** Those of a kind that a query asks for, one by one, by index; not to be kept open while the store is written to. */
  scan<K extends Kind>(kind: K, query: ObjectQuery): Generator<RecordOf<K>>;
  /** The newest of a kind that a query asks for. */
  find<K extends Kind>(kind: K, by: NonNullable<ObjectQuery["by"]>): RecordOf<K> | undefined;
  /** Adds or replaces; a replaced object keeps its place in lists. */
  put<K extends Kind>(kind: K, record: RecordOf<K>): void;
  /** Which kind an id names. */
  kindOf(id: string): Kind | undefined;
  /** What is due first, if anything is at this time. */
  due(seconds: number): DueObject | undefined;
  /** When the next thing is due, Unix seconds. */
  nextDue(): number | undefined;
}

/** The objects in a database that `openTables` has prepared. */
export function openObjects(database: DatabaseSync): Objects {
  const one = database.prepare("select body from objects where id = ? and kind = ?");
  const kind = database.prepare("select kind from objects where id = ?");
  const place = database.prepare("select created, seq from objects where id = ? and kind = ?");
  const put = database.prepare(
    "insert into objects (id, kind, body) values (?, ?, ?) on conflict (id) do update set body = excluded.body",
  );
  const due = database.prepare(
    "select id, kind, due_at as dueAt from objects where due_at <= ? order by due_at, seq limit 1",
  );
  const next = database.prepare("select min(due_at) as dueAt from objects where due_at is not null");
  const statements = new Map<string, StatementSync>();
  const prepared = (sql: string) => {
    const statement = statements.get(sql) ?? database.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
  function* scan<K extends Kind>(name: K, query: ObjectQuery): Generator<RecordOf<K>> {
    const cursor = query.after ?? query.before;
    const from = cursor === undefined ? undefined : v.parse(v.optional(placeSchema), place.get(cursor, name));
    const { sql, values } = queryOf(name, query, from);
    for (const { body } of prepared(sql).iterate(...values)) {
      yield parseRecord(name, body);
    }
  }
  const find = <K extends Kind>(name: K, by: NonNullable<ObjectQuery["by"]>) => {
    const { sql, values } = queryOf(name, { by }, undefined);
    const row = prepared(`${sql} limit 1`).get(...values);
    return row && parseRecord(name, row.body);
  };
  return {
    scan,
    get: (name, id) => {
      const row = one.get(id, name);
      return row && parseRecord(name, row.body);
    },
    list: (name) => Array.from(scan(name, {})),
    find,
    put: (name, record) => {
      put.run(record.id, name, JSON.stringify(record));
    },
    kindOf: (id) => v.parse(v.optional(v.object({ kind: kindSchema })), kind.get(id))?.kind,
    due: (seconds) => v.parse(v.optional(dueSchema), due.get(seconds)),
    nextDue: () => v.parse(v.object({ dueAt: v.nullable(v.number()) }), next.get()).dueAt ?? undefined,
  };
}

const kindSchema = v.picklist(kinds);
const placeSchema = v.object({ created: v.number(), seq: v.number() });
const dueSchema = v.object({ id: v.string(), kind: kindSchema, dueAt: v.number() });

/** The query in SQL; a cursor that names nothing leaves an empty list. */
function queryOf(kind: Kind, query: ObjectQuery, from: { created: number; seq: number } | undefined) {
  const { sql, values } = conditionsOf({ ...query.by, kind });
  const range = rangeOf(query.created);
  const backwards = query.before !== undefined;
  const cursor = (query.after ?? query.before) === undefined ? [] : [`(created, seq) ${backwards ? ">" : "<"} (?, ?)`];
  const where = [...sql, ...range.sql, ...cursor].join(" and ");
  const order = backwards ? "order by created, seq" : "order by created desc, seq desc";
  const place = cursor.length === 0 ? [] : [from?.created ?? null, from?.seq ?? null];
  return { sql: `select body from objects where ${where} ${order}`, values: [...values, ...range.values, ...place] };
}

function conditionsOf(by: Record<string, string | undefined>): { sql: string[]; values: SQLInputValue[] } {
  const given = Object.entries(by).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
  return { sql: given.map(({ name }) => `${name} = ?`), values: given.map(({ value }) => value) };
}

/** A filter of `created` as conditions of SQL. */
export function rangeOf(range: TimeRange | undefined): { sql: string[]; values: number[] } {
  const bounds = typeof range === "number" ? { gte: range, lte: range } : (range ?? {});
  const given = Object.entries(bounds).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
  return { sql: given.map(({ name }) => `created ${operators[name]} ?`), values: given.map(({ value }) => value) };
}

const operators: Record<string, string> = { gt: ">", gte: ">=", lt: "<", lte: "<=" };

/** A file may be older than this code: what it holds is parsed like anything else from outside. */
function parseRecord<K extends Kind>(kind: K, body: unknown): RecordOf<K> {
  return v.parse(recordSchemas[kind], JSON.parse(v.parse(v.string(), body)));
}
