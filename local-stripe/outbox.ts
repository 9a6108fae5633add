import type { DatabaseSync } from "node:sqlite";
import * as v from "valibot";
import { rangeOf, type TimeRange } from "./objects.ts";

/** An event as it was when it happened. */
export interface StoredEvent {
  id: string;
  type: string;
  /** Unix seconds. */
  created: number;
  /** The whole event in JSON. */
  body: string;
}

/** Which events, newest first. */
export interface EventQuery {
  created: TimeRange | undefined;
  /** Nothing before this, Unix seconds. */
  since: number;
  /** Exact types, or one with `*` in it. */
  types: readonly string[] | undefined;
  delivered: boolean | undefined;
  after: string | undefined;
  before: string | undefined;
  limit: number;
}

/** Where events are sent. */
export interface WebhookEndpoint {
  url: string;
  /** Signs what is sent there: `whsec_…`. */
  secret: string;
  /** The types sent; all of them when left out or `["*"]`. */
  enabledEvents?: readonly string[] | undefined;
}

/** One event on its way to one endpoint. */
export interface Delivery {
  /** The event's id. */
  event: string;
  url: string;
  /** `lost` is what faults on demand have made vanish for good. */
  state: "pending" | "delivered" | "failed" | "lost";
  attempts: number;
  /** The answer to the last attempt; null when there was none. */
  lastStatus: number | null;
  /** When the next attempt is due, Unix milliseconds; null when there is to be none. */
  dueAtMs: number | null;
}

/** A delivery that is due, and what sending it takes. */
export interface DueDelivery {
  seq: number;
  url: string;
  attempts: number;
  secret: string;
  body: string;
}

/** The events, the endpoints and what is still to be delivered. */
export interface Outbox {
  addEvent(event: StoredEvent): void;
  /** An event, and to how many endpoints it has not been delivered. */
  event(id: string): (StoredEvent & { undelivered: number }) | undefined;
  events(query: EventQuery): (StoredEvent & { undelivered: number })[];
  endpoints(): WebhookEndpoint[];
  /** Adds an endpoint, or replaces the one with its URL. */
  putEndpoint(endpoint: WebhookEndpoint): void;
  /** Forgets all endpoints; what is pending waits for them to come back. */
  forgetEndpoints(): void;
  addDelivery(delivery: Pick<Delivery, "event" | "url" | "state" | "dueAtMs">): void;
  /** What is due at endpoints that are there, earliest first. */
  dueDeliveries(nowMs: number, limit: number): DueDelivery[];
  /** When the next delivery after a time is due. */
  nextDelivery(afterMs: number): number | undefined;
  recordAttempt(seq: number, result: Pick<Delivery, "state" | "lastStatus" | "dueAtMs">): void;
  /** Every delivery so far, oldest first. */
  deliveries(): Delivery[];
}

const undelivered =
  "(select count(distinct url) from deliveries where event = events.id and state <> 'delivered') as undelivered";

/** The outbox in a database that `openTables` has prepared. */
export function openOutbox(database: DatabaseSync): Outbox {
  return { ...openEvents(database), ...openEndpoints(database), ...openDeliveries(database) };
}

function openEvents(database: DatabaseSync) {
  const add = database.prepare("insert into events (id, type, created, body) values (?, ?, ?, ?)");
  const one = database.prepare(`select *, ${undelivered} from events where id = ?`);
  return {
    addEvent: ({ id, type, created, body }: StoredEvent) => {
      add.run(id, type, created, body);
    },
    event: (id: string) => v.parse(v.optional(eventRow), one.get(id)),
    events: (query: EventQuery) => {
      const { sql, values } = eventsQuery(query);
      return v.parse(v.array(eventRow), database.prepare(sql).all(...values));
    },
  };
}

function eventsQuery({ created, since, types, delivered, after, before, limit }: EventQuery) {
  const range = rangeOf(created);
  const cursor = after ?? before;
  const [operator, order] = before === undefined ? ["<", "desc"] : [">", "asc"];
  const where = [
    "created >= ?",
    ...range.sql,
    ...(types === undefined ? [] : [`(${types.map(() => "type glob ?").join(" or ")})`]),
    ...(delivered === undefined ? [] : [`undelivered ${delivered ? "=" : ">"} 0`]),
    ...(cursor === undefined ? [] : [`(created, seq) ${operator} (select created, seq from events where id = ?)`]),
  ].join(" and ");
  return {
    sql: `select *, ${undelivered} from events where ${where} order by created ${order}, seq ${order} limit ?`,
    values: [since, ...range.values, ...(types ?? []), ...(cursor === undefined ? [] : [cursor]), limit],
  };
}

const eventRow = v.object({
  id: v.string(),
  type: v.string(),
  created: v.number(),
  body: v.string(),
  undelivered: v.number(),
});

function openEndpoints(database: DatabaseSync) {
  const all = database.prepare("select * from endpoints order by rowid");
  const put = database.prepare("insert or replace into endpoints (url, secret, enabled) values (?, ?, ?)");
  const forget = database.prepare("delete from endpoints");
  return {
    endpoints: (): WebhookEndpoint[] =>
      v.parse(v.array(endpointRow), all.all()).map(({ url, secret, enabled }) => ({
        url,
        secret,
        enabledEvents: v.parse(v.array(v.string()), JSON.parse(enabled)),
      })),
    putEndpoint: ({ url, secret, enabledEvents = ["*"] }: WebhookEndpoint) => {
      put.run(url, secret, JSON.stringify(enabledEvents));
    },
    forgetEndpoints: () => {
      forget.run();
    },
  };
}

const endpointRow = v.object({ url: v.string(), secret: v.string(), enabled: v.string() });

function openDeliveries(database: DatabaseSync) {
  const add = database.prepare("insert into deliveries (event, url, state, attempts, due_at) values (?, ?, ?, 0, ?)");
  const due = database.prepare(
    `select deliveries.seq, url, attempts, secret, events.body from deliveries
     cross join endpoints using (url) cross join events on events.id = event
     where due_at <= ? order by due_at, deliveries.seq limit ?`,
  );
  const next = database.prepare(
    "select due_at as dueAtMs from deliveries cross join endpoints using (url) where due_at > ? order by due_at limit 1",
  );
  const record = database.prepare(
    "update deliveries set attempts = attempts + 1, state = ?, status = ?, due_at = ? where seq = ?",
  );
  const all = database.prepare(
    "select event, url, state, attempts, status as lastStatus, due_at as dueAtMs from deliveries order by seq",
  );
  return {
    addDelivery: ({ event, url, state, dueAtMs }: Pick<Delivery, "event" | "url" | "state" | "dueAtMs">) => {
      add.run(event, url, state, dueAtMs);
    },
    dueDeliveries: (nowMs: number, limit: number) => v.parse(v.array(dueRow), due.all(nowMs, limit)),
    nextDelivery: (afterMs: number) =>
      v.parse(v.optional(v.object({ dueAtMs: v.number() })), next.get(afterMs))?.dueAtMs,
    recordAttempt: (seq: number, result: Pick<Delivery, "state" | "lastStatus" | "dueAtMs">) => {
      record.run(result.state, result.lastStatus, result.dueAtMs, seq);
    },
    deliveries: () => v.parse(v.array(deliveryRow), all.all()),
  };
}

const dueRow = v.object({
  seq: v.number(),
  url: v.string(),
  attempts: v.number(),
  secret: v.string(),
  body: v.string(),
});

const deliveryRow = v.object({
  event: v.string(),
  url: v.string(),
  state: v.picklist(["pending", "delivered", "failed", "lost"]),
  attempts: v.number(),
  lastStatus: v.nullable(v.number()),
  dueAtMs: v.nullable(v.number()),
});
