import type { DatabaseSync } from "node:sqlite";
import * as v from "valibot";

/**
 * Brings the tables of a file to this version, in one transaction: a file of an older one keeps what it has. Several
 * servers may open a file at once.
 */
export function openTables(database: DatabaseSync): void {
  database.exec("pragma journal_mode = wal; pragma synchronous = normal; begin immediate");
  try {
    const { user_version: done } = v.parse(version, database.prepare("pragma user_version").get());
    for (const step of steps.slice(done)) {
      database.exec(step);
    }
    database.exec(`pragma user_version = ${Math.max(done, steps.length)}; commit`);
  } catch (error) {
    database.exec("rollback");
    throw error;
  }
}

/** The members of an object that lists are filtered by: each has an index of its own. */
export const references = ["charge", "customer", "email", "invoice", "payment_intent", "subscription"] as const;

/** Where a member is that is not at the top of the body by its own name. */
const sources: Partial<Record<(typeof references)[number], string>> = {
  email: "coalesce(body ->> '$.email', body ->> '$.customer_details.email')",
};

const version = v.object({ user_version: v.number() });

/** The first of them made what files had before they were numbered. */
const first = `
  create table if not exists objects (
    seq integer primary key autoincrement, id text not null unique, kind text not null, body text not null
  );
  create index if not exists objects_by_kind on objects (kind, seq);
  create table if not exists answers (
    key text primary key, method text not null, path text not null, form text not null,
    status integer not null, body text not null, requestId text not null, created integer not null
  );
`;

/** Columns that SQLite reads out of the body itself: what is indexed cannot differ from what is remembered. */
const indexed = references.map(
  (name) => `
    alter table objects add column ${name} as (${sources[name] ?? `body ->> '$.${name}'`}) virtual;
    create index objects_by_${name} on objects (kind, ${name}, created, seq) where ${name} is not null;
  `,
);

/** When something happens to an object by itself, Unix seconds: the one place that says so. */
const due = `
  alter table objects add column due_at as (case kind
    when 'session' then iif(body ->> '$.status' = 'open', body ->> '$.expires_at', null)
    when 'subscription' then
      iif(body ->> '$.status' in ('active', 'trialing', 'past_due'), body ->> '$.current_period_end', null)
    when 'payment_intent' then iif(body ->> '$.status' = 'processing', body ->> '$.settles_at', null)
    when 'invoice' then iif(body ->> '$.status' = 'open', body ->> '$.next_payment_attempt', null)
  end) virtual;
  create index objects_by_due on objects (due_at, seq) where due_at is not null;
`;

const second = `
  alter table objects add column created as (body ->> '$.created') virtual;
  drop index objects_by_kind;
  create index objects_by_time on objects (kind, created, seq);
  ${indexed.join("")}
  ${due}
  create index answers_by_time on answers (created);
  create table settings (name text primary key, value text not null);
  create table events (
    seq integer primary key autoincrement, id text not null unique, type text not null, created integer not null,
    body text not null
  );
  create index events_by_time on events (created, seq, type);
  create table endpoints (url text primary key, secret text not null, enabled text not null);
  create table deliveries (
    seq integer primary key autoincrement, event text not null, url text not null, state text not null,
    attempts integer not null, status integer, due_at integer
  );
  create index deliveries_by_event on deliveries (event);
  create index deliveries_by_due on deliveries (due_at, seq) where due_at is not null;
`;

const steps = [first, second];
