import { promisify } from "node:util";
import zlib from "node:zlib";
import { and, eq, sql } from "drizzle-orm";
import * as v from "valibot";
import { Json } from "../schemas/json.ts";
import { eventBatches, events } from "../schemas/tables.ts";
import type { Storage } from "./storage.ts";

/** One event, as it is stored. `data` is JSON text with its secrets masked. */
export type EventRecord = typeof events.$inferInsert;

/** An event whose details are made when it is written, away from the request that it is about. */
export type PendingEvent = Omit<EventRecord, "data" | "batchId"> & { data: () => string };

const zstdCompress = promisify(zlib.zstdCompress);
/** Events of one batch are much alike: the fastest level packs them as well as a slow one. */
const fast = { params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } };
const zstdDecompress = promisify(zlib.zstdDecompress);

/** Events written in batches: at most 100 ms late, many together. `flush` writes all that was recorded before. */
export type EventLog = {
  record(event: PendingEvent): void;
  /** Resolves at once while the writer keeps up; else when it has caught up, so that memory stays bounded. */
  pressure(): Promise<void>;
  flush(): Promise<void>;
};

const batchAfterMs = 100;
const batchSize = 500;
const mostPending = 5000;

/** What the log needs of the engine. */
export type EventLogParts = { storage: Storage; onFault: (fault: unknown, what: string) => void };

/** Makes the log of one process. A batch that cannot be written is kept and tried again with the next. */
export function createEventLog({ storage, onFault }: EventLogParts): EventLog {
  let pending: PendingEvent[] = [];
  let scheduled = false;
  let writing: Promise<void> | undefined;

  const writeBatch = async () => {
    const batch = pending.slice(0, batchSize);
    await insertEvents(storage, batch);
    pending = pending.slice(batch.length);
    // bulk work yields to a macrotask: loops that never do grow the client's memory
    await new Promise((resolve) => setImmediate(resolve));
  };
  /** One batch at a time; a second caller gets the one under way. */
  const write = () => {
    writing ??= writeBatch().finally(() => {
      writing = undefined;
    });
    return writing;
  };
  const tick = async () => {
    // what is left is less than a batch and waits for more: many small transactions would cost more than the events
    do await write();
    while (pending.length >= batchSize);
  };
  const schedule = () => {
    if (scheduled) return;
    scheduled = true;
    setTimeout(() => {
      tick()
        .catch((fault: unknown) => onFault(fault, "events could not be written; they are kept and tried again"))
        .finally(() => {
          scheduled = false;
          if (pending.length > 0) schedule();
        });
    }, batchAfterMs);
  };
  return {
    record(event) {
      pending.push(event);
      schedule();
    },
    async pressure() {
      while (pending.length >= mostPending) await write();
    },
    async flush() {
      while (pending.length > 0) await write();
    },
  };
}

async function insertEvents(storage: Storage, batch: PendingEvent[]): Promise<void> {
  const details = batch.map(({ id, data }) => `${JSON.stringify(id)}:${data()}`);
  const packed = await zstdCompress(`{${details.join(",")}}`, fast);
  await storage.write(async (tx) => {
    const [packet] = await tx.insert(eventBatches).values({ data: packed }).returning({ id: eventBatches.id });
    const rows = batch.map((event) => [
      event.id,
      event.environmentId,
      event.type,
      event.status,
      event.identifier ?? null,
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
