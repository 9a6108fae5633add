import { join } from "node:path";
import { createClient } from "@libsql/client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openDatabaseFile } from "../../cli/database-file.ts";
import { loadDump } from "../../cli/dump.ts";
import { noLibsqlServer, startLibsqlServer } from "../fakes/libsql-server.ts";
import { fulfillIn, sessionFor } from "../fakes/sales.ts";
import { createWorld, type World } from "../fakes/world.ts";
import { createOperator, type Operator } from "./operator.ts";

let world: World;
let operator: Operator;
beforeEach(async () => {
  world = await createWorld();
  operator = await createOperator(world, fetch);
  operator.env.DATABASE_URL = `file:${world.file}`;
});
afterEach(async () => {
  await operator.close();
  await world.close();
});

const file = (name: string) => join(operator.folder, name);

/** Every row of every table, and the statements that made them. */
async function contentOf(path: string) {
  const client = openDatabaseFile(path);
  const schema = await client.execute("select name, type, sql from sqlite_schema where sql is not null order by name");
  const content: Record<string, unknown> = {};
  for (const { name, type } of schema.rows) {
    if (type === "table") content[String(name)] = (await client.execute(`select * from "${name}" order by 1, 2`)).rows;
  }
  client.close();
  return JSON.parse(
    JSON.stringify([schema.rows, content], (_key, value) =>
      value instanceof ArrayBuffer ? Buffer.from(value).toString("hex") : value,
    ).replaceAll("CREATE TABLE IF NOT EXISTS ", "CREATE TABLE "),
  );
}

describe.skipIf(noLibsqlServer !== null)("with a libSQL server", () => {
  let server: { url: string; stop(): Promise<void> };
  beforeEach(async () => {
    server = await startLibsqlServer();
  });
  afterEach(() => server.stop());

  test("a backup of a file fills the server, and a backup of the server is the same again", async () => {
    for (const i of [1, 2, 3]) {
      const session = await sessionFor(world, { userIdentifier: `reader-${i}'s;\n\\n"name"@example.com` });
      world.stripe.pay(session.id, { email: `reader-${i}@example.com` });
      await fulfillIn(world, session.id);
    }
    expect((await operator.json("backup", "first.db")).exitCode).toBe(0);
    operator.env.DATABASE_URL = server.url;
    const restored = await operator.json("restore", "first.db");
    expect(restored.answer).toMatchObject({ status: "success", target: new URL(server.url).host, aside: null });
    expect((await operator.json("backup", "second.db")).answer).toMatchObject({ status: "success" });
    expect(await contentOf(file("second.db"))).toEqual(await contentOf(file("first.db")));
  });

  test("a server's database that is not empty is not filled", async () => {
    await operator.scrip("backup", "first.db");
    operator.env.DATABASE_URL = server.url;
    const client = createClient({ url: server.url });
    await client.execute("create table mine (a)");
    client.close();
    const { exitCode, answer } = await operator.json("restore", "first.db");
    expect([exitCode, answer.code]).toEqual([2, "not_empty"]);
  });

  test("more than a request's worth of rows and of text arrives", async () => {
    const sql = `insert into events (id, environment_id, type, status, created_at, data)
      with recursive n(i) as (select 1 union all select i + 1 from n where i < 1500)
      select 'evt-' || i, 'env_preview', 'try', 'ok', i, json_object('text', hex(zeroblob(4000))) from n`;
    await world.engine.storage.client.execute("insert into event_batches (data) values (x'00ff0a270d5c6e')");
    await world.engine.storage.client.execute(sql);
    await operator.scrip("backup", "first.db");
    operator.env.DATABASE_URL = server.url;
    expect((await operator.json("restore", "first.db")).answer).toMatchObject({ status: "success" });
    expect((await operator.json("backup", "second.db")).answer).toMatchObject({ status: "success" });
    expect(await contentOf(file("second.db"))).toEqual(await contentOf(file("first.db")));
  });
});

test("a server that cannot be reached is named, and no file is left", async () => {
  operator.env.DATABASE_URL = "http://127.0.0.1:9";
  const { exitCode, answer } = await operator.json("backup", "first.db");
  expect([exitCode, answer.code]).toEqual([2, "unreachable"]);
  expect(answer.message).toContain("127.0.0.1:9");
});

const asStream = (text: string) => new Response(text).body ?? new ReadableStream<Uint8Array>();

test.each([
  ["between two statements", "BEGIN TRANSACTION;\nCREATE TABLE t (a);\n"],
  ["within one", "BEGIN TRANSACTION;\nCREATE TABLE t (a);\nINSERT INTO t VALUES('x"],
  ["before the first", ""],
])("a dump that ends %s is not taken for a whole one", async (_where, text) => {
  const client = openDatabaseFile(file("dump.db"));
  await expect(loadDump(client, asStream(text))).rejects.toMatchObject({ code: "dump_incomplete" });
  client.close();
});
