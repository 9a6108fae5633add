import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createClient } from "@libsql/client";
import { afterEach, expect, test } from "vitest";
import { createStorage, driverWaitMs, migrate, type Storage } from "../../engine/storage.ts";
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
