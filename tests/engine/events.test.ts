import { afterEach, expect, test } from "vitest";
import {
  createEventLog,
  createEventPool,
  createPooledEventLog,
  findEvent,
  type PendingEvent,
} from "../../engine/events.ts";
import { maskedText, withoutSecrets } from "../../engine/masking.ts";
import type { Storage } from "../../engine/storage.ts";
import { eventBatches, events } from "../../schemas/tables.ts";
import { createWorld, type World } from "../fakes/world.ts";

const worlds: World[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

async function open(): Promise<World> {
  const world = await createWorld();
  worlds.push(world);
  return world;
}

function event(n: number): PendingEvent {
  return {
    id: crypto.randomUUID(),
    environmentId: "env_preview",
    type: "surface-decision",
    status: "success",
    identifier: `visitor ${n} "quoted"`,
    offeringId: n % 2 === 0 ? null : "offering",
    createdAt: n,
    data: () => JSON.stringify({ n }),
  };
}

test("what was recorded is written within its batch and found whole", async () => {
  const { engine } = await open();
  const recorded = Array.from({ length: 1234 }, (_, n) => event(n));
  for (const one of recorded) engine.events.record(one);
  await engine.events.flush();
  const rows = await engine.storage.db.select().from(events);
  expect(rows).toHaveLength(1234);
  expect((await engine.storage.db.select().from(eventBatches)).length).toBeLessThan(10);
  for (const n of [0, 1, 777, 1233]) {
    const { data: _, ...fields } = recorded[n] ?? event(n);
    expect(await findEvent(engine.storage, "env_preview", fields.id)).toEqual({ ...fields, data: { n } });
  }
});

test("an event of another environment is not found", async () => {
  const { engine } = await open();
  const one = event(1);
  engine.events.record(one);
  await engine.events.flush();
  expect(await findEvent(engine.storage, "env_other", one.id)).toBeUndefined();
});

test("a batch that cannot be written is kept, told of, and written with the next", async () => {
  const { engine } = await open();
  let broken = true;
  const faults: string[] = [];
  const storage: Storage = {
    ...engine.storage,
    write: (work) => (broken ? Promise.reject(new Error("disk full")) : engine.storage.write(work)),
  };
  const log = createEventLog({ storage, onFault: (_, what) => faults.push(what) });
  log.record(event(1));
  await expect(log.flush()).rejects.toThrow("disk full");
  await expect.poll(() => faults).toContain("events could not be written; they are kept and tried again");
  broken = false;
  await log.flush();
  expect(await engine.storage.db.select().from(events)).toHaveLength(1);
});

test("while nothing can be written nobody waits, and what is lost then is counted and told", async () => {
  const { engine } = await open();
  let broken = true;
  const faults: string[] = [];
  const storage: Storage = {
    ...engine.storage,
    write: (work) => (broken ? Promise.reject(new Error("away")) : engine.storage.write(work)),
  };
  const log = createEventLog({ storage, onFault: (fault, what) => faults.push(`${what}: ${fault}`) });
  for (let i = 0; i < 20_000; i++) log.record(event(i));
  await log.pressure();
  for (let i = 0; i < 30; i++) log.record(event(i));
  await log.pressure();
  broken = false;
  await log.flush();
  expect(await engine.storage.db.$count(events)).toBe(20_000);
  expect(faults).toContain("events were lost while none could be written: Error: 30 events");
});

test("secrets are masked by name at any depth and by value in any text", () => {
  const value = {
    identity: { userJwt: "eyJ.a.b" },
    http: { cookies: { session: "s" }, headers: { Authorization: "Bearer x" } },
    logs: [{ message: 'token is "tok_1234567"' }],
    apiKey: null,
  };
  expect(JSON.parse(maskedText(value, ["tok_1234567", "x"]))).toEqual({
    identity: { userJwt: "***" },
    http: { cookies: "***", headers: { Authorization: "***" } },
    logs: [{ message: 'token is "***"' }],
    apiKey: null,
  });
});

test("a secret with quotes and line ends is found where it is escaped", () => {
  const secret = 'a "quoted"\nsecret';
  expect(JSON.parse(withoutSecrets(JSON.stringify({ log: `it is ${secret}!` }), [secret]))).toEqual({
    log: "it is ***!",
  });
});

test("logs that share a pool keep what cannot be written, lose what no longer fits, and say how much that was", async () => {
  const { engine } = await open();
  const told: string[] = [];
  const onFault = (fault: unknown, what: string) =>
    told.push(`${fault instanceof Error ? fault.message : fault}: ${what}`);
  const pool = createEventPool();
  const away = async () => {
    throw new Error("the database is away");
  };
  const first = createPooledEventLog(pool, { storage: { ...engine.storage, write: away }, onFault });
  for (let n = 0; n < 999; n++) first.record(event(n));
  await expect(first.flush()).rejects.toThrow("the database is away");
  for (let n = 0; n < 4; n++) first.record(event(n));
  expect(first.waiting()).toBe(1000);
  await first.pressure();
  const second = createPooledEventLog(pool, { storage: engine.storage, onFault });
  await second.flush();
  expect([first.waiting(), pool.chars]).toEqual([0, 0]);
  expect(await engine.storage.db.select({ id: events.id }).from(events)).toHaveLength(1000);
  expect(told).toEqual(["3 events: events were lost while none could be written"]);
});
