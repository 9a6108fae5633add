import { execFile } from "node:child_process";
import { copyFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, expect, test } from "vitest";
import { damageOf, openDatabaseFile } from "../../cli/database-file.ts";
import { serveLocalStripe } from "../../local-stripe/serve.ts";
import { root } from "../docs/marked-blocks.ts";
import { gatherBuyers } from "../torture/buyers.ts";
import { openShop } from "../torture/shop.ts";
import { judge } from "../torture/verdict.ts";
import { freePorts, startServer, temporaryFolder } from "./server-process.ts";

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const secretKey = "sk_test_backup";
const webhookSecret = "whsec_backup";
const masterKey = "the master key of the backup's test";

/** Runs the command as cron does. */
async function scrip(dataDir: string, ...argv: string[]) {
  const env = { PATH: process.env.PATH ?? "", DATA_DIR: dataDir, SCRIP_MASTER_KEY: masterKey };
  const { stdout } = await promisify(execFile)(process.execPath, ["cli/scrip.mjs", ...argv, "--json"], {
    cwd: root,
    env,
  });
  return JSON.parse(stdout);
}

async function folder(): Promise<string> {
  const { path, remove } = await temporaryFolder();
  cleanUps.push(remove);
  return path;
}

/** A shop with a Stripe of its own, which goes on when the shop's server is another one. */
async function openStreet() {
  const port = String(await freePorts());
  const stripe = await serveLocalStripe({ port: 0, secretKeys: [secretKey] });
  cleanUps.push(() => stripe.stop());
  const url = `http://127.0.0.1:${port}`;
  stripe.addWebhookEndpoint({ url: `${url}/api/v1/webhooks/stripe/acct_demo`, secret: webhookSecret });
  const start = async (dataDir: string) => {
    const server = await startServer(dataDir, {
      PORT: port,
      SCRIP_MASTER_KEY: masterKey,
      STRIPE_SECRET_KEY: secretKey,
      STRIPE_API_URL: stripe.url,
      STRIPE_WEBHOOK_SECRET: webhookSecret,
    });
    cleanUps.push(async () => server.child.exitCode ?? server.end("SIGKILL"));
    const victim = { url, server: async () => server, spare: async () => {}, stop: async () => {}, kills: () => 0 };
    // half of the buyers are named, half are not; a third redeem a token
    let dice = 0;
    const shop = await openShop(victim, () => (dice++ % 10) / 10);
    return { server, shop };
  };
  return { stripe, start };
}

async function rowsOf(file: string, sql: string) {
  const client = openDatabaseFile(file);
  const { rows } = await client.execute(sql);
  client.close();
  return rows.map((row) => ({ ...row }));
}

/** Redeems one offer after another, several at once, until it is told to stop. */
function keepBuying(begin: (i: number) => Promise<{ id: string }>) {
  const answered: string[] = [];
  let [next, isOver] = [1000, false];
  const workers = Array.from({ length: 4 }, async () => {
    while (!isOver) answered.push((await begin(next++)).id);
  });
  return {
    answered,
    async stop() {
      isOver = true;
      await Promise.all(workers);
    },
  };
}

test("a backup made under load holds all that was answered before, and a server on it finishes what was pending", async () => {
  const { stripe, start } = await openStreet();
  const [before, after] = [await folder(), await folder()];
  const first = await start(before);
  const buyers = gatherBuyers(first.shop, stripe, secretKey, () => 0);
  await Promise.all(Array.from({ length: 12 }, (_, i) => buyers.send(i)));
  await stripe.settled();
  // paid, and Scrip has not heard of it when the backup is made
  stripe.chaos({ webhooks: { dropForever: 1 } });
  const unheard = await Promise.all(Array.from({ length: 6 }, (_, i) => first.shop.begin(100 + i)));
  for (const { id, planSlug } of unheard) {
    buyers.plans.set(id, planSlug);
    stripe.pay(id, { email: `${id.slice(-8)}@example.com` });
  }
  const load = keepBuying(first.shop.begin);
  await expect.poll(() => load.answered.length, { timeout: 60_000 }).toBeGreaterThan(10);

  const answered = [...load.answered];
  const entitlements = await rowsOf(join(before, "scrip.db"), "select * from entitlements order by id");
  const backup = join(await folder(), "backup.db");
  expect(await scrip(before, "backup", backup)).toMatchObject({ status: "success", file: backup });
  const answeredDuring = load.answered.length - answered.length;
  await load.stop();
  expect(answeredDuring).toBeGreaterThan(0);
  expect((await stat(backup)).mode & 0o777).toBe(0o600);
  expect(await first.server.end("SIGTERM")).toBe(0);

  const target = join(after, "scrip.db");
  expect(await scrip(after, "restore", backup)).toMatchObject({ target, aside: null, masterKey: "opens" });
  const restored = openDatabaseFile(target);
  expect(await damageOf(restored)).toEqual([]);
  restored.close();
  const sessions = await rowsOf(target, "select session_id as id from purchases");
  expect(sessions.map(({ id }) => id)).toEqual(expect.arrayContaining([...buyers.plans.keys(), ...answered]));
  expect(await rowsOf(target, "select * from entitlements order by id")).toEqual(entitlements);
  expect(entitlements.length).toBeGreaterThanOrEqual(12);

  for (const name of ["dev.json", "demo-site-key.json"]) await copyFile(join(before, name), join(after, name));
  for (const { id, status } of stripe.sessions()) if (status === "open") stripe.expire(id);
  const second = await start(after);
  await expect
    .poll(
      async () => {
        await second.shop.runTask("reconcile");
        return rowsOf(target, "select session_id from purchases where status = 'pending'");
      },
      { timeout: 60_000 },
    )
    .toEqual([]);
  expect(await second.server.end("SIGTERM")).toBe(0);
  const known = new Set(sessions.map(({ id }) => id));
  const verdict = await judge(after, { ...buyers, sessions: stripe.sessions().filter(({ id }) => known.has(id)) });
  expect(verdict).toMatchObject({ withoutAccess: [], withUnpaidAccess: [], doubled: [], pending: [] });
  expect(verdict.counts).toMatchObject({ paid: 18, unheard: 0 });
  expect((await readdir(after)).filter((name) => name.endsWith(".part"))).toEqual([]);
}, 240_000);
