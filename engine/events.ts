// Past 250 lines: two logs of events, which share how batches are made, written and read.
import { promisify } from "node:util";
import zlib from "node:zlib";
import { and, eq, sql } from "drizzle-orm";
import * as v from "valibot";
import { Json } from "../schemas/json.ts";
import { eventBatches, events } from "../schemas/tables.ts";
import { nextTurn } from "./next-turn.ts";
import type { Storage } from "./storage.ts";

/** One event, as it is stored. `data` is JSON text with its secrets masked. */
export type EventRecord = typeof events.$inferInsert;

/** An event whose details are made when it is written, away from the request that it is about. */
export type PendingEvent = Omit<EventRecord, "data" | "batchId"> & {
  data: () => string;
  /** What its details are made of takes much memory: they are made at once. */
  bulky?: boolean;
};

/** `text` is the details, where they had to be made early. */
type Waiting = PendingEvent & { text?: string };

const zstdCompress = promisify(zlib.zstdCompress);
/** Events of one batch are much alike: the fastest level packs them as well as a slow one. */
const fast = { params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } };
const zstdDecompress = promisify(zlib.zstdDecompress);

/** Events written in batches: at most 100 ms late, many together. `flush` writes what was recorded before it, no more. */
export type EventLog = {
  /** While nothing can be written, and as many wait as may, the event is lost: `onFault` is told how many were. */
  record(event: PendingEvent): void;
  /**
   * Resolves at once while the writer keeps up; else when it has caught up, so that memory stays bounded. Nobody waits for
   * a database that does not take anything.
   */
  pressure(): Promise<void>;
  flush(): Promise<void>;
  /** How many are not written yet. */
  waiting(): number;
};

const batchAfterMs = 100;
/** After a failure: a database that is away need not be asked, nor the log told, ten times a second. */
const retryAfterMs = 1000;
const batchSize = 500;
/** A batch is one JSON text: V8 has none longer than 512 Mi characters. */
const batchChars = 8 << 20;
const mostPending = 20_000;
const mostPendingChars = 64 << 20;

/** What the log needs of the engine. */
export type EventLogParts = { storage: Storage; onFault: (fault: unknown, what: string) => void };

/** What waits to be written, and whether the database takes anything at all. */
type Backlog = { events: Waiting[]; chars: number; failing: boolean; lost: number };

function isFull({ events, chars }: Backlog): boolean {
  return events.length >= mostPending || chars >= mostPendingChars;
}

/** Makes the log of one process. A batch that cannot be written is kept and tried again with the next. */
export function createEventLog({ storage, onFault }: EventLogParts): EventLog {
  const backlog: Backlog = { events: [], chars: 0, failing: false, lost: 0 };
  let recorded = 0;
  let written = 0;
  let scheduled = false;
  const write = createWriter({ storage, onFault }, backlog, (count) => {
    written += count;
  });
  const tick = async () => {
    // what is left is less than a batch and waits for more: many small transactions would cost more than the events
    do await write();
    while (backlog.events.length >= batchSize || backlog.chars >= batchChars);
  };
  const run = () => {
    tick()
      .catch((fault: unknown) => onFault(fault, "events could not be written; they are kept and tried again"))
      .finally(() => {
        scheduled = false;
        if (backlog.events.length > 0) schedule();
      });
  };
  const schedule = () => {
    if (scheduled) return;
    scheduled = true;
    setTimeout(run, backlog.failing ? retryAfterMs : batchAfterMs);
  };
  return {
    record(event) {
      if (backlog.failing && isFull(backlog)) {
        backlog.lost += 1;
        return;
      }
      // while the writer is behind, what waits is kept as text, whose size is known
      const text = event.bulky || backlog.events.length >= batchSize ? detailsOf(event, onFault) : undefined;
      backlog.chars += text?.length ?? 0;
      backlog.events.push(text === undefined ? event : { ...event, text, data: () => text });
      recorded += 1;
      schedule();
    },
    async pressure() {
      while (isFull(backlog) && !backlog.failing) await write().catch(() => undefined);
    },
    async flush() {
      const until = recorded;
      while (written < until) await write();
    },
    waiting: () => recorded - written,
  };
}

/** Writes the first batch of what waits: one at a time; a second caller gets the one under way. */
function createWriter({ storage, onFault }: EventLogParts, backlog: Backlog, done: (count: number) => void) {
  let writing: Promise<void> | undefined;
  const writeBatch = async () => {
    const batch = await writeFirst(storage, backlog.events, onFault);
    if (batch.length === 0) return;
    backlog.events = backlog.events.slice(batch.length);
    for (const { text } of batch) backlog.chars -= text?.length ?? 0;
    done(batch.length);
    noteWritten(backlog, onFault);
    // bulk work yields to a macrotask: loops that never do grow the client's memory
    await nextTurn();
  };
  return () => {
    writing ??= writeBatch()
      .catch((fault: unknown) => {
        backlog.failing = true;
        throw fault;
      })
      .finally(() => {
        writing = undefined;
      });
    return writing;
  };
}

/** The database takes events again. */
function noteWritten(backlog: Pick<Backlog, "failing" | "lost">, onFault: EventLogParts["onFault"]): void {
  if (backlog.lost > 0) onFault(new Error(`${backlog.lost} events`), "events were lost while none could be written");
  Object.assign(backlog, { failing: false, lost: 0 });
}

/** Events of several logs that wait to be written, by whichever of them comes first. Their details are made: `chars` of them. */
export type EventPool = Backlog;

/** A pool in which nothing waits. */
export function createEventPool(): EventPool {
  return { events: [], chars: 0, failing: false, lost: 0 };
}

/** Where all logs share one isolate's memory. */
const mostPooled = 1000;
const mostPooledChars = 8 << 20;

/**
 * A log for a runtime where each request has its own and none may wait for another's work. What it records waits in the
 * pool; `flush` takes and writes what is there, of all logs, and puts it back where that fails. What another log has taken is
 * not waited for.
 */
export function createPooledEventLog(pool: EventPool, { storage, onFault }: EventLogParts): EventLog {
  const isPoolFull = () => pool.events.length >= mostPooled || pool.chars >= mostPooledChars;
  const flush = async () => {
    while (pool.events.length > 0) {
      const taken = pool.events.splice(0, batchSize);
      pool.chars -= charsOf(taken);
      let written = 0;
      try {
        written = (await writeFirst(storage, taken, onFault)).length;
        noteWritten(pool, onFault);
      } catch (fault) {
        pool.failing = true;
        throw fault;
      } finally {
        const left = taken.slice(written);
        pool.events.unshift(...left);
        pool.chars += charsOf(left);
      }
    }
  };
  return {
    record(event) {
      if (pool.failing && isPoolFull()) {
        pool.lost += 1;
        return;
      }
      const text = detailsOf(event, onFault);
      pool.events.push({ ...event, text, data: () => text });
      pool.chars += text.length;
    },
    async pressure() {
      if (isPoolFull() && !pool.failing) await flush().catch(() => undefined);
    },
    flush,
    waiting: () => pool.events.length,
  };
}

function charsOf(events: readonly Waiting[]): number {
  return events.reduce((sum, { text }) => sum + (text?.length ?? 0), 0);
}

/** Writes as many of the first events as go into one batch, one at least, and gives them. */
async function writeFirst(storage: Storage, pending: readonly Waiting[], onFault: EventLogParts["onFault"]) {
  const details = firstDetails(pending, onFault);
  const batch = pending.slice(0, details.length);
  if (batch.length > 0) await insertEvents(storage, batch, details);
  return batch;
}

/** The details of as many events as go into one batch, one at least. */
function firstDetails(pending: readonly Waiting[], onFault: EventLogParts["onFault"]): string[] {
  const details: string[] = [];
  let chars = 0;
  for (const event of pending.slice(0, batchSize)) {
    const text = detailsOf(event, onFault);
    if (details.length > 0 && chars + text.length > batchChars) break;
    details.push(text);
    chars += text.length;
  }
  return details;
}

/** An event whose details cannot be made must not hold up the others. */
function detailsOf({ id, data, text }: Waiting, onFault: EventLogParts["onFault"]): string {
  if (text !== undefined) return text;
  try {
    return data();
  } catch (fault) {
    onFault(fault, `the details of event ${id} are lost`);
    return '{"lost":true}';
  }
}

async function insertEvents(storage: Storage, batch: PendingEvent[], details: string[]): Promise<void> {
  const members = batch.map(({ id }, i) => `${JSON.stringify(id)}:${details[i]}`);
  const packed = await zstdCompress(`{${members.join(",")}}`, fast);
  await storage.write(async (tx) => {
    const [packet] = await tx.insert(eventBatches).values({ data: packed }).returning({ id: eventBatches.id });
    const rows = batch.map((event) => [
      event.id,
      event.environmentId,
      event.type,
      event.status,
      // SQLite's JSON functions store what is not well-formed as it is, and the driver ends the process when it reads that
      event.identifier?.toWellFormed() ?? null,
      event.offeringId ?? null,
      event.createdAt,
    ]);
    // one statement and one parameter for the whole batch: building a query for every event would cost more than the rest
    await tx.run(sql`
      insert into events (id, environment_id, type, status, identifier, offering_id, created_at, batch_id)
      select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, ${packet?.id ?? null}
      from json_each(${JSON.stringify(rows)}) where true
      on conflict (id) do nothing`);
  });
}

/** An event with its details parsed. */
export type FoundEvent = Omit<typeof events.$inferSelect, "data" | "batchId"> & { data: Json };

/** One event by its id, or `undefined`. */
export async function findEvent(storage: Storage, environmentId: string, id: string): Promise<FoundEvent | undefined> {
  const [event] = await storage.db
    .select()
    .from(events)
    .where(and(eq(events.id, id), eq(events.environmentId, environmentId)));
  if (event === undefined) return undefined;
  const { data, batchId, ...rest } = event;
  return { ...rest, data: data === null ? await fromBatch(storage, batchId, id) : JSON.parse(data) };
}

const Batch = v.record(v.string(), Json);

async function fromBatch(storage: Storage, batchId: number | null, id: string): Promise<Json> {
  if (batchId === null) return null;
  const [packet] = await storage.db.select().from(eventBatches).where(eq(eventBatches.id, batchId));
  if (packet === undefined) return null;
  const text = await zstdDecompress(packet.data);
  return v.parse(Batch, JSON.parse(text.toString("utf8")))[id] ?? null;
}
