import { copyFile, open, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openDatabaseFile } from "../../cli/database-file.ts";
import { isVaultOf } from "../../engine/vault.ts";
import { fulfillIn, salesOf, sessionFor } from "../fakes/sales.ts";
import { createWorld, type World } from "../fakes/world.ts";
import { createOperator, type Operator } from "./operator.ts";

let world: World;
let operator: Operator;
beforeEach(async () => {
  world = await createWorld();
  operator = await createOperator(world);
  operator.env.DATABASE_URL = `file:${world.file}`;
});
afterEach(async () => {
  await operator.close();
  await world.close();
});

const inFolder = (name: string) => join(operator.folder, name);
/** From here on the operator's data are those of the folder. */
const leaveServer = () => delete operator.env.DATABASE_URL;

async function execute(file: string, sql: string) {
  const client = openDatabaseFile(file);
  const { rows } = await client.execute(sql);
  client.close();
  return rows.map((row) => ({ ...row }));
}

test("a backup holds what was sold, is readable by its owner alone, and can be restored", async () => {
  const session = await sessionFor(world);
  world.stripe.pay(session.id, { email: "buyer@example.com" });
  await fulfillIn(world, session.id);
  const made = await operator.scrip("backup", "saved.db");
  expect(made.out).toMatch(/^✔ .*saved\.db: \d+\.\d MB, whole, in \d+ ms$/);
  expect(made.err).toContain("The master key is not in it");
  expect((await stat(inFolder("saved.db"))).mode & 0o777).toBe(0o600);
  leaveServer();
  const restored = await operator.scrip("restore", "saved.db");
  expect(restored).toMatchObject({ exitCode: 0, out: expect.stringMatching(/scrip\.db: as of 2026-03-01T12:00:00/) });
  const { entitlements } = await salesOf(world);
  expect(entitlements.length).toBeGreaterThan(0);
  const ids = await execute(inFolder("data/scrip.db"), "select id from entitlements");
  expect(ids).toEqual(entitlements.map(({ id }) => ({ id })));
  expect((await stat(inFolder("data/scrip.db"))).mode & 0o777).toBe(0o600);
});

test("a backup takes nobody's place, and leaves nothing when it fails", async () => {
  await operator.write("saved.db", "mine");
  const taken = await operator.json("backup", "saved.db");
  expect(taken).toMatchObject({ exitCode: 2, answer: { code: "file_exists" } });
  expect(await operator.read("saved.db")).toBe("mine");
  const nowhere = await operator.json("backup", "no/such/folder/saved.db");
  expect(nowhere.answer.code).toBe("no_folder");
  leaveServer();
  expect((await operator.json("backup", "none.db")).answer.code).toBe("no_database");
  expect(await readdir(operator.folder)).toEqual(["saved.db"]);
});

test("two backups to one file at once make one", async () => {
  const both = await Promise.all([operator.json("backup", "saved.db"), operator.json("backup", "saved.db")]);
  expect(both.map(({ exitCode }) => exitCode).toSorted()).toEqual([0, 2]);
  expect(await readdir(operator.folder)).toEqual(["saved.db"]);
});

test("the server's database is not replaced while it is in use", async () => {
  await operator.scrip("backup", "saved.db");
  const unasked = await operator.json("restore", "saved.db");
  expect(unasked).toMatchObject({ exitCode: 2, answer: { code: "file_exists" } });
  const inUse = await operator.json("restore", "saved.db", "--replace");
  expect(inUse).toMatchObject({ exitCode: 2, answer: { code: "in_use", hint: "Stop the server first" } });
  await expect(sessionFor(world)).resolves.toBeDefined();
});

test("what is replaced is put aside, with what stood in its -wal file, damaged or not", async () => {
  await operator.scrip("backup", "saved.db");
  leaveServer();
  await operator.scrip("restore", "saved.db");
  await execute(inFolder("data/scrip.db"), "update environments set name = 'newer'");
  const { answer } = await operator.json("restore", "saved.db", "--replace");
  expect(await execute(answer.aside, "select name from environments")).toEqual([{ name: "newer" }]);
  expect(await execute(answer.target, "select name from environments")).toEqual([{ name: "Preview" }]);
  await writeFile(answer.target, "no database any more, and long enough to be taken for the header of one".repeat(3));
  await writeFile(`${answer.target}-wal`, "of that one");
  expect((await operator.json("restore", "saved.db", "--replace")).exitCode).toBe(0);
  expect(await execute(answer.target, "select name from environments")).toEqual([{ name: "Preview" }]);
});

test("a damaged backup, a stranger's file and a newer one's are refused before anything is touched", async () => {
  await operator.scrip("backup", "saved.db");
  leaveServer();
  await copyFile(inFolder("saved.db"), inFolder("damaged.db"));
  const { size } = await stat(inFolder("damaged.db"));
  const handle = await open(inFolder("damaged.db"), "r+");
  for (let at = 8192; at < size; at += 4096) await handle.write(Buffer.alloc(64, 0xff), 0, 64, at);
  await handle.close();
  expect((await operator.json("restore", "damaged.db")).answer.code).toMatch(/^(damaged|not_a_backup)$/);
  await operator.write("text.db", "nothing".repeat(100));
  expect((await operator.json("restore", "text.db")).answer.code).toBe("not_a_backup");
  await execute(inFolder("other.db"), "create table t (a)");
  expect((await operator.json("restore", "other.db")).answer.code).toBe("not_a_backup");
  await copyFile(inFolder("saved.db"), inFolder("newer.db"));
  await execute(inFolder("newer.db"), "insert into migrations values ('9999_later', 0)");
  expect((await operator.json("restore", "newer.db")).answer).toMatchObject({
    code: "newer_schema",
    message: expect.stringContaining("9999_later"),
  });
  expect((await operator.json("restore", "none.db")).answer.code).toBe("no_backup");
  expect(await readdir(operator.folder)).not.toContain("data");
});

test("a backup whose secrets the master key does not open is refused", async () => {
  await isVaultOf(world.engine.vault, world.engine.storage);
  await operator.scrip("backup", "saved.db");
  leaveServer();
  operator.env.SCRIP_MASTER_KEY = "another key than that of the tests";
  expect((await operator.json("restore", "saved.db")).answer.code).toBe("other_master_key");
  operator.env.SCRIP_MASTER_KEY = "the master key of the tests";
  expect((await operator.json("restore", "saved.db")).answer).toMatchObject({ masterKey: "opens", aside: null });
});
