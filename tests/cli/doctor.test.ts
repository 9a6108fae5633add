import { chmod, mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Finding, type FindingCode, findings } from "../../cli/doctor/findings.ts";
import { createVault, isVaultOf } from "../../engine/vault.ts";
import { migrations } from "../../schemas/generated/migrations.ts";
import { markedTable, plain, readDocument } from "../docs/marked-blocks.ts";
import { createWorld, type World } from "../fakes/world.ts";
import { createOperator, type Operator } from "./operator.ts";

let world: World;
let operator: Operator;
/** What answers at Stripe's address, at the server's own and at the public one. Throws where nobody does. */
let network: { stripe(): Response; local: boolean; public: boolean };
const production = {
  NODE_ENV: "production",
  PUBLIC_URL: "https://offers.example.com",
  SCRIP_MASTER_KEY: "the master key of a server in production",
  SCRIP_ADMIN_TOKEN: "a".repeat(40),
};

beforeEach(async () => {
  world = await createWorld();
  await isVaultOf(await createVault(production.SCRIP_MASTER_KEY), world.engine.storage);
  network = { stripe: () => stripeAt(Date.now()), local: true, public: true };
  operator = await createOperator(world, async (input, init) => {
    const { hostname, pathname } = new URL(new Request(input).url);
    if (hostname === "api.stripe.com") return network.stripe();
    const isThere = hostname === "127.0.0.1" ? network.local : network.public;
    if (!isThere) throw new TypeError("fetch failed", { cause: new Error("nobody listens") });
    return world.app.request(pathname, init);
  });
  operator.env = { ...production, DATABASE_URL: `file:${world.file}` };
});
afterEach(async () => {
  await operator.close();
  await world.close();
});

const stripeAt = (ms: number) => new Response("ok", { headers: { date: new Date(ms).toUTCString() } });
const execute = (sql: string) => world.engine.storage.client.execute(sql);

async function codes(): Promise<FindingCode[]> {
  const { answer } = await operator.json("doctor");
  const found: Finding[] = answer.checked.flatMap((one: { findings: Finding[] }) => one.findings);
  // how fast the machine of the tests is, they do not ask
  return found.map(({ code }) => code).filter((code) => code !== "sandbox_slow");
}

test("a deployment that lacks nothing but a webhook secret is told so, and what to do", async () => {
  const { exitCode, out } = await operator.scrip("doctor");
  expect(exitCode).toBe(0);
  expect(out.replace(/[\d.]+ ms|\S+, \d+ MB free/g, "…")).toBe(
    [
      "✔ settings: production",
      "✔ data folder: …",
      "✔ database: a file, whole",
      "✔ sandbox: a first run in …",
      "✔ addresses: http://127.0.0.1:8787, https://offers.example.com",
      "! environments: env_preview has no webhook secret for acct_world  account_without_webhooks",
      "    Add an endpoint at Stripe and its secret here; until then access follows a payment by a minute or more",
      "✔ Stripe: reached, and the clocks agree",
      "0 errors, 1 warning",
    ].join("\n"),
  );
});

test("settings that cannot be used are named, and nothing else is looked at", async () => {
  operator.env = { NODE_ENV: "production", PORT: "none" };
  const { exitCode, answer } = await operator.json("doctor");
  expect([exitCode, answer.ok, answer.checked.length]).toEqual([1, false, 1]);
  expect(answer.checked[0].findings[0]).toEqual({
    code: "settings_invalid",
    level: "error",
    message: "PORT must be a port number",
    advice: findings.settings_invalid[1],
  });
});

test("a server that is not begun yet is no error", async () => {
  operator.env = {};
  network.local = false;
  expect(await codes()).toEqual(["database_unbegun", "server_silent"]);
  const { exitCode } = await operator.scrip("doctor");
  expect(exitCode).toBe(0);
});

test("a folder whose database others may read is told of", async () => {
  const folder = join(operator.folder, "data");
  await mkdir(folder);
  await operator.scrip("backup", "data/scrip.db");
  delete operator.env.DATABASE_URL;
  await chmod(folder, 0o755);
  expect(await codes()).not.toContain("folder_open");
  await chmod(join(folder, "scrip.db"), 0o644);
  expect(await codes()).toContain("folder_open");
  await chmod(folder, 0o700);
  expect(await codes()).not.toContain("folder_open");
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
});

test("another master key is an error, and none a warning", async () => {
  operator.env.SCRIP_MASTER_KEY = "another master key than the one that sealed";
  expect(await operator.json("doctor")).toMatchObject({ exitCode: 1, answer: { ok: false } });
  expect(await codes()).toContain("master_key_other");
  operator.env = { DATABASE_URL: `file:${world.file}` };
  expect(await codes()).toContain("master_key_missing");
});

test("a database of an older and of a newer version is told of, and the older one not looked into", async () => {
  const last = migrations.at(-1)?.name ?? "";
  await execute(`delete from migrations where name = '${last}'`);
  expect(await codes()).toEqual(["database_behind"]);
  await execute(`insert into migrations values ('${last}', 0), ('9999_later', 0)`);
  expect(await codes()).toEqual(["database_ahead", "account_without_webhooks"]);
});

test("a file that is no database, and a server that is not there, are errors", async () => {
  const file = join(operator.folder, "text.db");
  await writeFile(file, "no database, and long enough to be taken for the header of one".repeat(3));
  operator.env.DATABASE_URL = `file:${file}`;
  expect(await codes()).toContain("database_unreachable");
  operator.env.DATABASE_URL = "http://127.0.0.1:9";
  expect(await codes()).toEqual(["database_unreachable"]);
});

test("a server that does not answer, here or outside, is a warning; one without its sandbox an error", async () => {
  network.local = network.public = false;
  expect(await codes()).toEqual(["server_silent", "public_url_silent", "account_without_webhooks"]);
  network.local = true;
  operator.env.PUBLIC_URL = "http://offers.example.com";
  expect(await codes()).toContain("public_url_plain");
  await world.engine.sandbox.close();
  expect(await codes()).toContain("server_unready");
});

test("a Stripe that cannot be reached and a clock that is wrong are errors", async () => {
  network.stripe = () => {
    throw new TypeError("fetch failed", { cause: new Error("getaddrinfo ENOTFOUND api.stripe.com") });
  };
  expect(await codes()).toContain("stripe_unreachable");
  network.stripe = () => stripeAt(Date.now() - 120_000);
  const { exitCode, out } = await operator.scrip("doctor");
  expect(exitCode).toBe(1);
  expect(out).toMatch(/✖ Stripe: This clock is 1(19|20|21) s ahead of Stripe's {2}clock_wrong/);
});

test("environments that lack what they sell with, and tasks that fail, are told of", async () => {
  await execute("delete from stripe_accounts");
  await execute("update api_keys set revoked_at = 1");
  const outcome = JSON.stringify({ ok: false, counts: {}, failures: ["Stripe does not answer"] });
  await execute(
    `insert into tasks (name, claim_id, lease_until, started_at, outcome) values ('reconcile', 'c', 0, 0, '${outcome}')`,
  );
  expect(await codes()).toEqual([
    "environment_without_keys",
    "environment_without_stripe",
    "task_failing",
    "tasks_not_running",
  ]);
  await execute("delete from environments");
  expect(await codes()).toContain("no_environment");
});

test("the page on deploying has the table of everything that can be found", () => {
  const rows = markedTable(readDocument("docs/deploying.md"), "findings").slice(1);
  expect(rows.map(([code, level]) => [plain(code), level])).toEqual(
    Object.entries(findings).map(([code, [level]]) => [code, level]),
  );
});
