import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createClient } from "@libsql/client";
import { afterEach, expect, test } from "vitest";
import { type ServerProcess, startServer, temporaryFolder } from "./server-process.ts";

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function folder(): Promise<string> {
  const { path, remove } = await temporaryFolder();
  cleanUps.push(remove);
  return path;
}

async function start(dataDir: string, env: Record<string, string> = {}): Promise<ServerProcess> {
  const server = await startServer(dataDir, env);
  cleanUps.push(async () => server.child.exitCode ?? server.end("SIGKILL"));
  return server;
}

/** A body, whatever it is: the assertions say what it must be. */
async function read(response: Response | Promise<Response>) {
  return JSON.parse(await (await response).text());
}

function post(server: ServerProcess, path: string, key: string, body: unknown): Promise<Response> {
  return fetch(server.url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

const production = {
  NODE_ENV: "production",
  SCRIP_MASTER_KEY: "m".repeat(40),
  SCRIP_ADMIN_TOKEN: "a".repeat(40),
  PUBLIC_URL: "https://offers.example.com",
};

const identity = { userIdentifier: "buyer@example.com" };

test("a bare data folder becomes a demo whose two requests give the seed's two answers", async () => {
  const server = await start(await folder());
  const { secretKey, surfaceSlug, ...dev } = await server.dev();
  expect(dev).toMatchObject({ url: server.url, environmentId: "env_preview", stripe: { accountId: "acct_demo" } });
  const decision = await read(post(server, "/api/v1/surface-decisions", secretKey, { surfaceSlug, identity }));
  expect(decision.offers).toEqual([
    {
      id: expect.stringMatching(/^off_[0-9a-f]{8}$/),
      presentation: { title: "Premium Monthly", price: "£10.00" },
      redemptionSchema: "mos:stripe-checkout-instructions",
      token: expect.any(String),
      plans: [expect.objectContaining({ name: "Premium Monthly" })],
    },
  ]);
  const offerToken = decision.offers[0].token;
  const redemption = await post(server, "/api/v1/offer-redemptions", secretKey, { identity, offerToken });
  expect(await redemption.json()).toMatchObject({
    status: "success",
    statusCode: 200,
    eventId: expect.any(String),
    action: { type: "navigate", properties: {}, url: expect.stringContaining("/c/pay/cs_test_") },
  });
});

test("dev.json and the keys beside it are readable by their owner alone", async () => {
  const server = await start(await folder());
  for (const name of ["dev.json", "master.key", "demo-site-key.json"]) {
    expect((await stat(join(server.dataDir, name))).mode & 0o077, name).toBe(0);
  }
});

test("a second start finds the same keys and the same configuration", async () => {
  const dataDir = await folder();
  const first = await start(dataDir);
  const before = await first.dev();
  expect(await first.end("SIGTERM")).toBe(0);
  const second = await start(dataDir, { PORT: new URL(first.url).port });
  expect(await second.dev()).toEqual(before);
  const headers = { authorization: `Bearer ${before.adminToken}` };
  const config = await fetch(`${second.url}/api/v1/manage/environments/env_preview/config`, { headers });
  expect(await config.json()).toMatchObject({ version: 2 });
});

test("SIGTERM loses no decision that was answered", async () => {
  const server = await start(await folder());
  const { secretKey, surfaceSlug } = await server.dev();
  const ask = () => post(server, "/api/v1/surface-decisions", secretKey, { surfaceSlug, identity });
  const answers = await Promise.all(Array.from({ length: 200 }, () => read(ask())));
  expect(await server.end("SIGTERM")).toBe(0);
  const client = createClient({ url: pathToFileURL(join(server.dataDir, "scrip.db")).href });
  const { rows } = await client.execute("select id from events where type = 'surface-decision'");
  client.close();
  expect(new Set(rows.map(({ id }) => id))).toEqual(new Set(answers.map(({ eventId }) => eventId)));
});

test("SIGTERM answers the request that is under way", async () => {
  const server = await start(await folder());
  const { secretKey, surfaceSlug } = await server.dev();
  const decision = await read(post(server, "/api/v1/surface-decisions", secretKey, { surfaceSlug, identity }));
  const offerToken = decision.offers[0].token;
  const answer = post(server, "/api/v1/offer-redemptions", secretKey, { identity, offerToken });
  // the connection is accepted once the server has begun to read: a health check behind it says so
  await fetch(`${server.url}/healthz`);
  const ended = server.end("SIGTERM");
  expect((await answer).status).toBe(200);
  expect(await ended).toBe(0);
});

test("an answered redemption survives SIGKILL", async () => {
  const dataDir = await folder();
  const server = await start(dataDir);
  const { secretKey, surfaceSlug } = await server.dev();
  const decision = await read(post(server, "/api/v1/surface-decisions", secretKey, { surfaceSlug, identity }));
  const body = { identity, offerToken: decision.offers[0].token };
  const before = await read(post(server, "/api/v1/offer-redemptions", secretKey, body));
  await server.end("SIGKILL");
  const again = await start(dataDir, { PORT: new URL(server.url).port });
  expect(await read(post(again, "/api/v1/offer-redemptions", secretKey, body))).toEqual(before);
});

test("no sandbox process outlives its server, killed or not", async () => {
  const server = await start(await folder());
  const children = await childrenOf(server.child.pid ?? 0);
  expect(children.length).toBeGreaterThan(0);
  await server.end("SIGKILL");
  await expect
    .poll(async () => (await Promise.all(children.map(isRunning))).filter(Boolean), { timeout: 5000 })
    .toEqual([]);
});

test("four processes that start at once on an empty database make one demo, which all of them serve", async () => {
  const dataDir = await folder();
  const servers = await Promise.all(Array.from({ length: 4 }, () => start(dataDir)));
  const { secretKey, surfaceSlug } = await (servers[0] ?? never()).dev();
  for (const server of servers) {
    const answer = await post(server, "/api/v1/surface-decisions", secretKey, { surfaceSlug, identity });
    expect(answer.status, server.output()).toBe(200);
  }
});

test("fifty redemptions at once on two processes give one answer from one run and one session", async () => {
  const dataDir = await folder();
  const servers = [await start(dataDir), await start(dataDir)];
  const first = servers[0] ?? never();
  const { secretKey, surfaceSlug } = await first.dev();
  const decision = await read(post(first, "/api/v1/surface-decisions", secretKey, { surfaceSlug, identity }));
  const body = { identity, offerToken: decision.offers[0].token };
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) =>
      read(post(servers[i % 2] ?? never(), "/api/v1/offer-redemptions", secretKey, body)),
    ),
  );
  expect(answers[0]).toMatchObject({ status: "success" });
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  const client = createClient({ url: pathToFileURL(join(dataDir, "scrip.db")).href });
  const runs = await client.execute("select id from events where type = 'offer-redemption'");
  const sessions = await client.execute("select session_id from purchases");
  client.close();
  expect([runs.rows.length, sessions.rows.length]).toEqual([1, 1]);
});

test("production without its settings says each of them and starts nothing", async () => {
  const dataDir = await folder();
  const failed = startServer(dataDir, { NODE_ENV: "production" });
  await expect(failed).rejects.toThrow(/SCRIP_MASTER_KEY[\s\S]*SCRIP_ADMIN_TOKEN[\s\S]*PUBLIC_URL/);
  expect(await readdir(dataDir)).toEqual([]);
});

test("production makes no demo and no dev.json", async () => {
  const dataDir = await folder();
  const server = await start(dataDir, production);
  expect(await readdir(dataDir)).not.toContain("dev.json");
  expect((await fetch(`${server.url}/demo`)).status).toBe(404);
  const environments = await fetch(`${server.url}/api/v1/manage/environments`, {
    headers: { authorization: `Bearer ${"a".repeat(40)}` },
  });
  expect(await environments.json()).toEqual({ status: "success", environments: [] });
});

test("another master key than the database's starts nothing and says so", async () => {
  const dataDir = await folder();
  const server = await start(dataDir, production);
  await server.end("SIGTERM");
  const other = startServer(dataDir, { ...production, SCRIP_MASTER_KEY: "n".repeat(40) });
  await expect(other).rejects.toThrow("SCRIP_MASTER_KEY is not the key that this database was begun with");
});

test("a changed SCRIP_ADMIN_TOKEN ends the one before, and may be changed back", async () => {
  const dataDir = await folder();
  const ask = (server: ServerProcess, token: string) =>
    fetch(`${server.url}/api/v1/manage/environments`, { headers: { authorization: `Bearer ${token}` } });
  for (const [token, other] of [
    ["a", "b"],
    ["b", "a"],
    ["a", "b"],
  ] as const) {
    const server = await start(dataDir, { ...production, SCRIP_ADMIN_TOKEN: token.repeat(40) });
    expect((await ask(server, token.repeat(40))).status).toBe(200);
    expect((await ask(server, other.repeat(40))).status).toBe(401);
    await server.end("SIGTERM");
  }
});

test("a DATABASE_URL that is no URL is named", async () => {
  const failed = startServer(await folder(), { DATABASE_URL: "nonsense" });
  await expect(failed).rejects.toThrow("DATABASE_URL must be a URL such as");
});

test("a PUBLIC_URL that no browser can be sent to is named", async () => {
  const failed = startServer(await folder(), { PUBLIC_URL: "ftp://offers.example.com" });
  await expect(failed).rejects.toThrow("PUBLIC_URL must be a URL such as");
});

test("the bare address leads to the demo", async () => {
  const server = await start(await folder());
  const answer = await fetch(server.url, { redirect: "manual" });
  expect([answer.status, answer.headers.get("location")]).toEqual([302, "/demo"]);
});

test("a port in use is said in plain words", async () => {
  const server = await start(await folder());
  const taken = startServer(await folder(), { PORT: new URL(server.url).port });
  await expect(taken).rejects.toThrow("is in use");
  const { hostname, port } = new URL(server.url);
  const takenInProduction = startServer(await folder(), { ...production, PORT: port });
  await expect(takenInProduction).rejects.toThrow(`Port ${port} of ${hostname} is in use`);
});

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  const own = text.split(" ").filter(Boolean).map(Number);
  return [...own, ...(await Promise.all(own.map(childrenOf))).flat()];
}

async function isRunning(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  return status !== null && !/\) Z /.test(status);
}

function never(): never {
  throw new Error("there is no such server");
}
