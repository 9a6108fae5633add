import { DatabaseSync } from "node:sqlite";
import * as v from "valibot";
import { type Kind, type RecordOf, recordSchemas } from "./records.ts";

/** The first answer to an idempotent request. */
export interface SavedAnswer {
  key: string;
  method: string;
  path: string;
  /** `canonicalForm` of the body. */
  form: string;
  status: number;
  body: string;
  requestId: string;
  /** Unix seconds. */
  created: number;
}

/** Everything this Stripe remembers. Every call is synchronous: between two of them nothing else happens. */
export interface Store {
  get<K extends Kind>(kind: K, id: string): RecordOf<K> | undefined;
  /** All of a kind, newest first. */
  list<K extends Kind>(kind: K): RecordOf<K>[];
  /** Adds or replaces; a replaced object keeps its place in lists. */
  put<K extends Kind>(kind: K, record: RecordOf<K>): void;
  /** Which kind an id names. */
  kindOf(id: string): Kind | undefined;
  /** All of the writes in `work`, or none when it throws. Not to be nested. */
  transaction<T>(work: () => T): T;
  savedAnswer(key: string): SavedAnswer | undefined;
  saveAnswer(answer: SavedAnswer): void;
  forgetAnswersBefore(created: number): void;
  close(): void;
}

/** Opens the store in a SQLite file, or in memory without one. */
export function openStore(file = ":memory:"): Store {
  // several development servers may share a file, and start at once
  const database = new DatabaseSync(file, { timeout: 5000 });
  database.exec(tables);
  return { ...objectStore(database), ...answerStore(database), close: () => database.close() };
}

const tables = `
  pragma journal_mode = wal;
  pragma synchronous = normal;
  create table if not exists objects (
    seq integer primary key autoincrement, id text not null unique, kind text not null, body text not null
  );
  create index if not exists objects_by_kind on objects (kind, seq);
  create table if not exists answers (
    key text primary key, method text not null, path text not null, form text not null,
    status integer not null, body text not null, requestId text not null, created integer not null
  );
`;

function objectStore(database: DatabaseSync) {
  const one = database.prepare("select body from objects where id = ? and kind = ?");
  const all = database.prepare("select body from objects where kind = ? order by seq desc");
  const kind = database.prepare("select kind from objects where id = ?");
  const put = database.prepare(
    "insert into objects (id, kind, body) values (?, ?, ?) on conflict (id) do update set body = excluded.body",
  );
  return {
    get: <K extends Kind>(name: K, id: string) => {
      const row = one.get(id, name);
      return row && parseRecord(name, row.body);
    },
    list: <K extends Kind>(name: K) => all.all(name).map((row) => parseRecord(name, row.body)),
    put: <K extends Kind>(name: K, record: RecordOf<K>) => {
      put.run(record.id, name, JSON.stringify(record));
    },
    kindOf: (id: string) => v.parse(v.optional(v.object({ kind: kinds })), kind.get(id))?.kind,
    transaction: <T>(work: () => T): T => {
      database.exec("begin immediate");
      try {
        const result = work();
        database.exec("commit");
        return result;
      } catch (error) {
        database.exec("rollback");
        throw error;
      }
    },
  };
}

const kinds = v.picklist([
  "account",
  "product",
  "price",
  "coupon",
  "promotion_code",
  "customer",
  "payment_intent",
  "setup_intent",
  "subscription",
  "session",
] satisfies Kind[]);

/** A file may be older than this code: what it holds is parsed like anything else from outside. */
function parseRecord<K extends Kind>(kind: K, body: unknown): RecordOf<K> {
  return v.parse(recordSchemas[kind], JSON.parse(v.parse(v.string(), body)));
}

const answerSchema = v.object({
  key: v.string(),
  method: v.string(),
  path: v.string(),
  form: v.string(),
  status: v.number(),
  body: v.string(),
  requestId: v.string(),
  created: v.number(),
});

function answerStore(database: DatabaseSync) {
  const get = database.prepare("select * from answers where key = ?");
  const put = database.prepare(
    "insert or replace into answers (key, method, path, form, status, body, requestId, created) values (?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const forget = database.prepare("delete from answers where created < ?");
  return {
    savedAnswer: (key: string) => v.parse(v.optional(answerSchema), get.get(key)),
    saveAnswer: ({ key, method, path, form, status, body, requestId, created }: SavedAnswer) => {
      put.run(key, method, path, form, status, body, requestId, created);
    },
    forgetAnswersBefore: (created: number) => {
      forget.run(created);
    },
  };
}
