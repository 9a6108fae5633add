import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createClient } from "@libsql/client";
import { afterEach, expect, test } from "vitest";
import {
  createStorage,
  driverWaitMs,
  isStorageError,
  isUniqueViolation,
  migrate,
  type Storage,
} from "../../engine/storage.ts";
import { createVault, isVaultOf } from "../../engine/vault.ts";
import { migrations } from "../../schemas/generated/migrations.ts";
import { bundle } from "../../schemas/migrations/bundle.ts";
import { adminTokens } from "../../schemas/tables.ts";

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function openAll(count: number): Promise<Storage[]> {
  const folder = await mkdtemp(join(tmpdir(), "scrip-storage-"));
  cleanUps.push(() => rm(folder, { recursive: true, force: true }));
  const url = pathToFileURL(join(folder, "a.db")).href;
  const storages = Array.from({ length: count }, () => createStorage(createClient({ url, timeout: driverWaitMs })));
  cleanUps.push(() => {
    for (const storage of storages) storage.close();
  });
  return storages;
}

const row = (hash: string) => ({ hash, label: "", role: "viewer" as const, createdAt: 0 });

test("the bundled migrations are those of the folder", () => {
  expect(bundle()).toContain(JSON.stringify(migrations, null, 2));
});

test("migrations that start four times at once are applied once", async () => {
  const storages = await openAll(4);
  await Promise.all(storages.map((storage) => migrate(storage, () => 1)));
  const { rows } = await (storages[0] ?? never()).client.execute("select name from migrations");
  expect(rows.map(({ name }) => name)).toEqual(migrations.map(({ name }) => name));
});

test("of writes that wait together each is whole or not there, and is told so", async () => {
  const [storage = never()] = await openAll(1);
  await migrate(storage, () => 1);
  const writes = Array.from({ length: 200 }, (_, i) =>
    storage.write(async (tx) => {
      await tx.insert(adminTokens).values(row(`${i}-first`));
      // every tenth breaks a rule of the database, every seventh its own
      if (i % 10 === 0) await tx.insert(adminTokens).values(row(`${i}-first`));
      if (i % 7 === 0) throw new Error(`no ${i}`);
      await tx.insert(adminTokens).values(row(`${i}-second`));
      return i;
    }),
  );
  const outcomes = await Promise.allSettled(writes);
  const kept = outcomes.flatMap((outcome, i) => (outcome.status === "fulfilled" ? [i] : []));
  expect(kept).toEqual(Array.from({ length: 200 }, (_, i) => i).filter((i) => i % 10 !== 0 && i % 7 !== 0));
  const there = (await storage.db.select().from(adminTokens)).map(({ hash }) => hash).toSorted();
  expect(there).toEqual(kept.flatMap((i) => [`${i}-first`, `${i}-second`]).toSorted());
  expect(outcomes[10]).toMatchObject({
    reason: { cause: expect.objectContaining({ code: expect.stringMatching(/CONSTRAINT/) }) },
  });
});

test("a write is durable when its caller hears of it, though it shared a commit", async () => {
  const [storage = never(), other = never()] = await openAll(2);
  await migrate(storage, () => 1);
  const seen = Array.from({ length: 50 }, async (_, i) => {
    await storage.write((tx) => tx.insert(adminTokens).values(row(`${i}`)));
    const found = await other.db.select().from(adminTokens);
    return found.some(({ hash }) => hash === `${i}`);
  });
  expect(await Promise.all(seen)).toEqual(seen.map(() => true));
});

test("a write that fails changes nothing and does not stop the next one", async () => {
  const [storage = never()] = await openAll(1);
  await migrate(storage, () => 1);
  const failed = storage.write(async (tx) => {
    await tx.insert(adminTokens).values(row("a"));
    throw new Error("changed my mind");
  });
  const next = storage.write(async (tx) => tx.insert(adminTokens).values(row("b")));
  await expect(failed).rejects.toThrow("changed my mind");
  await next;
  expect((await storage.db.select().from(adminTokens)).map(({ hash }) => hash)).toEqual(["b"]);
});

test("a hundred writes at once go through one after another", async () => {
  const [storage = never()] = await openAll(1);
  await migrate(storage, () => 1);
  let open = 0;
  await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      storage.write(async (tx) => {
        open++;
        expect(open).toBe(1);
        await tx.insert(adminTokens).values(row(`t${i}`));
        open--;
      }),
    ),
  );
  expect(await storage.db.select().from(adminTokens)).toHaveLength(100);
});

test("a second row of the same key is a unique violation, and another error is not", async () => {
  const [storage = never()] = await openAll(1);
  await migrate(storage, () => 1);
  const insert = () => storage.write(async (tx) => tx.insert(adminTokens).values(row("a")));
  await insert();
  const error = await insert().catch((thrown: unknown) => thrown);
  expect(isUniqueViolation(error)).toBe(true);
  expect(isStorageError(error)).toBe(true);
  expect(isUniqueViolation(new Error("UNIQUE constraint failed"))).toBe(false);
});

test("a sealed text opens with its key and context alone", async () => {
  const vault = await createVault("key material");
  const sealed = await vault.seal("sk_live_1", "stripe:env:acct");
  expect(sealed).not.toContain("sk_live_1");
  expect(await vault.open(sealed, "stripe:env:acct")).toBe("sk_live_1");
  await expect(vault.open(sealed, "stripe:env:other")).rejects.toThrow();
  await expect((await createVault("other material")).open(sealed, "stripe:env:acct")).rejects.toThrow();
  await expect(vault.open("plain", "stripe:env:acct")).rejects.toThrow("not a sealed text");
});

test("a database opens only with the master key that it was begun with", async () => {
  const [storage = never()] = await openAll(1);
  await migrate(storage, () => 1);
  expect(await isVaultOf(await createVault("the first key"), storage)).toBe(true);
  expect(await isVaultOf(await createVault("another key"), storage)).toBe(false);
  expect(await isVaultOf(await createVault("the first key"), storage)).toBe(true);
});

function never(): never {
  throw new Error("there is no such storage");
}
