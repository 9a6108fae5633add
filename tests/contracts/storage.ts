// Past 250 lines: one contract, which every database passes whole.
import { eq, sql } from "drizzle-orm";
import { blob, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { claimRedemption } from "../../engine/claims.ts";
import { insertRows } from "../../engine/fulfilment/insert-rows.ts";
import { type Database, migrate, type Storage } from "../../engine/storage.ts";
import { isStorageError, isUniqueViolation, storageFault } from "../../engine/storage-fault.ts";
import { migrations } from "../../schemas/generated/migrations.ts";
import { redemptions } from "../../schemas/tables.ts";

/** A database that several processes may open: each call of `open` is another one's storage. */
export type StorageHome = { open(): Storage; close(): Promise<void> };

/** Tables of the contract's own, so that it asks for what the product's happen not to. */
export const counters = sqliteTable("counters", { name: text().primaryKey(), value: integer().notNull() });
export const things = sqliteTable("things", {
  id: integer().primaryKey(),
  counter: text().references(() => counters.name),
  text: text(),
  bytes: blob({ mode: "buffer" }),
  number: integer(),
  at: integer({ mode: "timestamp_ms" }),
  yes: integer({ mode: "boolean" }),
  json: text({ mode: "json" }),
});

/** Makes the contract's tables. */
export async function makeTables({ client }: Storage): Promise<void> {
  await client.batch(
    [
      "create table if not exists counters (name text primary key not null, value integer not null check (value >= 0))",
      `create table if not exists things (id integer primary key, counter text references counters (name), text text,
        bytes blob, number integer, at integer, yes integer, json text)`,
    ],
    "write",
  );
}

/** What every database does, whatever stands behind the client. */
export function describeStorage(name: string, openHome: () => Promise<StorageHome>): void {
  describe(name, () => {
    let home: StorageHome;
    let storage: Storage;
    const others: Storage[] = [];
    const another = () => {
      const other = home.open();
      others.push(other);
      return other;
    };
    beforeAll(async () => {
      home = await openHome();
      storage = home.open();
    });
    afterAll(async () => {
      for (const one of [...others, storage]) one.close();
      await home.close();
    });

    test("migrations that start four times at once are applied once", async () => {
      const starters = [storage, another(), another(), another()];
      await Promise.all(starters.map((starter) => migrate(starter, () => 1)));
      const { rows } = await storage.client.execute("select name from migrations order by rowid");
      expect(rows.map((row) => row.name)).toEqual(migrations.map((migration) => migration.name));
      await makeTables(storage);
    });

    test("of writes that wait together each is whole or not there, and is told so", async () => {
      const writes = Array.from({ length: 100 }, (_, i) =>
        storage.write(async (tx) => {
          await tx.insert(counters).values({ name: `${i}-first`, value: 0 });
          // every tenth breaks a rule of the database, every seventh its own
          if (i % 10 === 0) await tx.insert(counters).values({ name: `${i}-first`, value: 0 });
          if (i % 7 === 0) throw new Error(`no ${i}`);
          await tx.insert(counters).values({ name: `${i}-second`, value: 0 });
          return i;
        }),
      );
      const outcomes = await Promise.allSettled(writes);
      const kept = outcomes.flatMap((outcome, i) => (outcome.status === "fulfilled" ? [i] : []));
      expect(kept).toEqual(Array.from({ length: 100 }, (_, i) => i).filter((i) => i % 10 !== 0 && i % 7 !== 0));
      const there = (await storage.db.select().from(counters)).map((row) => row.name).toSorted();
      expect(there).toEqual(kept.flatMap((i) => [`${i}-first`, `${i}-second`]).toSorted());
      const refused = outcomes[10];
      expect(refused?.status === "rejected" && storageFault(refused.reason)).toBe("conflict");
      expect(outcomes[7]).toMatchObject({ reason: expect.objectContaining({ message: "no 7" }) });
    });

    test("a write is durable when its caller hears of it, though it shared a commit", async () => {
      const reader = another();
      const seen = Array.from({ length: 30 }, async (_, i) => {
        await storage.write((tx) => tx.insert(counters).values({ name: `durable-${i}`, value: 0 }));
        return (
          await reader.db
            .select()
            .from(counters)
            .where(eq(counters.name, `durable-${i}`))
        ).length;
      });
      expect(await Promise.all(seen)).toEqual(seen.map(() => 1));
    });

    test("work that goes on after a conflict keeps what came before and after it", async () => {
      // with others beside it, and alone
      for (const beside of [3, 0]) {
        const names = ["before", "after"].map((word) => `${word}-${beside}`);
        const work = storage.write(async (tx) => {
          await tx.insert(counters).values({ name: names[0] ?? "", value: 0 });
          const again = tx.insert(counters).values({ name: names[0] ?? "", value: 0 });
          await again.catch((error: unknown) => expect(isUniqueViolation(error)).toBe(true));
          await tx.insert(counters).values({ name: names[1] ?? "", value: 0 });
        });
        const rest = Array.from({ length: beside }, () => storage.write((tx) => tx.select().from(counters).limit(1)));
        await Promise.all([work, ...rest]);
        for (const name of names) expect(await standOf(storage, name)).toBe(0);
      }
    });

    test("a write that fails changes nothing and does not stop the next one", async () => {
      const failed = storage.write(async (tx) => {
        await tx.insert(counters).values({ name: "changed-my-mind", value: 0 });
        throw new Error("changed my mind");
      });
      const next = storage.write(async (tx) => tx.insert(counters).values({ name: "next", value: 0 }));
      await expect(failed).rejects.toThrow("changed my mind");
      await next;
      expect(await standOf(storage, "changed-my-mind")).toBeUndefined();
      expect(await standOf(storage, "next")).toBe(0);
    });

    test("many writers of several processes read and write a number, and none is lost", async () => {
      await storage.write((tx) => tx.insert(counters).values({ name: "shared", value: 0 }));
      const writers = [storage, another(), another()];
      const add = async (tx: Database) => {
        const [row] = await tx.select().from(counters).where(eq(counters.name, "shared"));
        await tx
          .update(counters)
          .set({ value: (row?.value ?? 0) + 1 })
          .where(eq(counters.name, "shared"));
      };
      await Promise.all(Array.from({ length: 90 }, (_, i) => writers[i % 3]?.write(add)));
      expect(await standOf(storage, "shared")).toBe(90);
    });

    test("of twenty processes that claim one redemption at once, one has it and the others hear who runs", async () => {
      const racers = Array.from({ length: 20 }, another);
      const claim = {
        ...{ environmentId: "env_1", offeringId: "race", identityKey: "reader", offerId: "off_1" },
        ...{ planId: null, offerVersion: 1, limits: { total: null, perCustomer: null }, leaseMs: 60_000, nowMs: 1000 },
      };
      const decisions = await Promise.all(racers.map((racer) => racer.writeOne((tx) => claimRedemption(tx, claim))));
      const kinds = Object.groupBy(decisions, ({ kind }) => kind);
      expect([kinds.claimed?.length, kinds.running?.length]).toEqual([1, 19]);
      expect(await storage.db.select().from(redemptions).where(eq(redemptions.offeringId, "race"))).toHaveLength(1);
    });

    test("of twenty identities that claim the last three places, three have one", async () => {
      const racers = Array.from({ length: 20 }, another);
      const decisions = await Promise.all(
        racers.map((racer, i) =>
          racer.writeOne((tx) =>
            claimRedemption(tx, {
              ...{
                environmentId: "env_1",
                offeringId: `places-${i}`,
                identityKey: `reader-${i}`,
                offerId: "off_places",
              },
              ...{ planId: null, offerVersion: 1, limits: { total: 3, perCustomer: 1 }, leaseMs: 60_000, nowMs: 1000 },
            }),
          ),
        ),
      );
      const kinds = Object.groupBy(decisions, ({ kind }) => kind);
      expect([kinds.claimed?.length, kinds.contended?.length]).toEqual([3, 17]);
    });

    test("a write goes on while many others wait for it", async () => {
      const waiting: Promise<unknown>[] = [];
      await storage.write(async (tx) => {
        await tx.insert(counters).values({ name: "first-of-all", value: 0 });
        for (let i = 0; i < 60; i++) {
          const row = { name: `waiting-${i}`, value: i };
          waiting.push(storage.writeOne((alone) => alone.insert(counters).values(row)));
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
        await tx.insert(counters).values({ name: "second-of-all", value: 0 });
      });
      await Promise.all(waiting);
      expect(await storage.db.$count(counters, sql`name like 'waiting-%'`)).toBe(60);
      expect(await standOf(storage, "second-of-all")).toBe(0);
    });

    test("what a statement returns is counted by its rows", async () => {
      const insert = () =>
        storage.writeOne((tx) =>
          tx
            .insert(counters)
            .values({ name: "once", value: 1 })
            .onConflictDoNothing()
            .returning({ name: counters.name }),
        );
      const rounds = await Promise.all([insert(), insert(), insert()]);
      expect(rounds.map((rows) => rows.length).toSorted()).toEqual([0, 0, 1]);
    });

    test("reads go on while a write is open, and see what was committed", async () => {
      const reader = another();
      await storage.write(async (tx) => {
        await tx.insert(counters).values({ name: "open", value: 1 });
        expect(await standOf(reader, "open")).toBeUndefined();
        expect(await standOf(storage, "open")).toBeUndefined();
        expect(await tx.select().from(counters).where(eq(counters.name, "open"))).toHaveLength(1);
      });
      expect(await standOf(reader, "open")).toBe(1);
    });

    test("a batch of reads is one snapshot", async () => {
      const { db } = storage;
      const writer = another();
      await writer.write((tx) =>
        tx.insert(counters).values([
          { name: "left", value: 0 },
          { name: "right", value: 0 },
        ]),
      );
      let stop = false;
      const writing = (async () => {
        for (let value = 1; !stop; value++) {
          await writer.write(async (tx) => {
            await tx.update(counters).set({ value }).where(eq(counters.name, "left"));
            await tx.update(counters).set({ value }).where(eq(counters.name, "right"));
          });
        }
      })();
      const of = (name: string) => db.select().from(counters).where(eq(counters.name, name));
      for (let i = 0; i < 50; i++) {
        const [[left], [right]] = await db.batch([of("left"), of("right")]);
        expect(left?.value).toBe(right?.value);
      }
      stop = true;
      await writing;
    });

    test.each([
      ["a second row of a key", "insert into counters values ('next', 1)", "conflict", true],
      ["a row that refers to nothing", "insert into things (counter) values ('nobody')", "conflict", false],
      ["a null where none may be", "insert into counters (name) values ('without')", "conflict", false],
      ["a check that fails", "insert into counters values ('negative', -1)", "conflict", false],
      ["a table that is not there", "select * from nowhere", "other", false],
      ["what is no SQL", "selekt", "other", false],
      ["a function that refuses", "select json('{')", "other", false],
    ] as const)("%s is told in the same words, outside and inside of a write", async (_, statement, kind, isUnique) => {
      const outside = storage.client.execute(statement);
      const inside = storage.write((tx) => tx.run(sql.raw(statement)));
      const single = storage.writeOne((tx) => tx.run(sql.raw(statement)));
      for (const outcome of await Promise.allSettled([outside, inside, single])) {
        const error = outcome.status === "rejected" ? outcome.reason : null;
        expect([storageFault(error), isUniqueViolation(error), isStorageError(error)]).toEqual([kind, isUnique, true]);
      }
      expect(await standOf(storage, "negative")).toBeUndefined();
    });

    test("what is no error of the database is none of its kinds", async () => {
      expect(storageFault(new Error("UNIQUE constraint failed"))).toBeNull();
      expect(isUniqueViolation(new Error("UNIQUE constraint failed"))).toBe(false);
      expect(isStorageError(new TypeError("fetch failed"))).toBe(false);
    });

    test("values come back as they went in", async () => {
      const rows: (typeof things.$inferInsert)[] = [
        { id: 1 },
        { id: 2, text: "", bytes: Buffer.alloc(0), number: 0, at: new Date(0), yes: false, json: null },
        { id: 3, text: "naïve 🙂 'quoted'", bytes: Buffer.from([0, 1, 254, 255]), number: -1, yes: true },
        { id: 4, number: Number.MAX_SAFE_INTEGER, at: new Date(8_640_000_000_000), json: { a: [1, "ü", null] } },
        { id: 5, number: Number.MIN_SAFE_INTEGER, text: "x".repeat(3_000_000), bytes: Buffer.alloc(1_000_000, 7) },
      ];
      for (const row of rows) await storage.write((tx) => tx.insert(things).values(row));
      const empty = { counter: null, text: null, bytes: null, number: null, at: null, yes: null, json: null };
      const found = await storage.db.select().from(things).orderBy(things.id);
      expect(found.map(({ bytes, ...row }) => ({ ...row, bytes: bytes === null ? null : Buffer.from(bytes) }))).toEqual(
        rows.map((row) => ({ ...empty, ...row })),
      );
    });

    test("a text that is not well-formed is stored as one that is, and keeps nobody else from the database", async () => {
      const texts = ["a\ud800", "\udc00\ud800b"];
      for (const [i, text] of texts.entries()) {
        await storage.write((tx) => tx.insert(things).values({ id: 10 + 2 * i, text }));
        await storage.writeOne((tx) => tx.insert(things).values({ id: 11 + 2 * i, text }));
        const found = await storage.db.select({ text: things.text }).from(things).where(eq(things.text, text));
        expect(found).toEqual([{ text: text.toWellFormed() }, { text: text.toWellFormed() }]);
        await storage.client.execute("select ?", [text]);
        await storage.client.batch([{ sql: "select :text", args: { text } }, ["select ?", [text]]]);
      }
    });

    test("an integer that JavaScript cannot hold is refused, not rounded", async () => {
      const { client } = storage;
      await client.execute({ sql: "insert into things (id, number) values (6, ?)", args: [2n ** 60n] });
      const { rows } = await client.execute("select cast(number as text) as number from things where id = 6");
      expect(rows[0]?.number).toBe(String(2n ** 60n));
      const error = await client.execute("select number from things where id = 6").catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(RangeError);
      expect(await standOf(storage, "next")).toBe(0);
    });

    test("a thousand rows are inserted by one statement, those that are there left out", async () => {
      const rows = Array.from({ length: 1000 }, (_, i) => ({ name: `many-${i}`, value: i }));
      await storage.write((tx) => insertRows(tx, counters, rows.slice(0, 10)));
      await storage.write((tx) => insertRows(tx, counters, rows));
      expect(await storage.db.$count(counters, sql`name like 'many-%'`)).toBe(1000);
    });
  });
}

/** What a counter stands at, or `undefined` where there is none. */
export async function standOf({ db }: Storage, name: string): Promise<number | undefined> {
  const [row] = await db.select().from(counters).where(eq(counters.name, name));
  return row?.value;
}
