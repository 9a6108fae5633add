import { afterAll, beforeAll, expect, test } from "vitest";
import type { DevFile } from "../../demo/ensure-demo.ts";
import { type ServerProcess, startServer, temporaryFolder } from "./server-process.ts";

let folder: { path: string; remove(): Promise<void> };
const servers: ServerProcess[] = [];
let dev: DevFile;

/** Two servers on one data folder: the first believes no proxy, the second the one on this machine. */
beforeAll(async () => {
  folder = await temporaryFolder();
  const limits = { RATE_LIMIT_KEY: "20", RATE_LIMIT_ADDRESS: "5", RATE_LIMIT_FAILURES: "5" };
  servers.push(await startServer(folder.path, { ...limits, TRUSTED_PROXIES: "none" }));
  dev = await (servers[0] ?? never()).dev();
  servers.push(await startServer(folder.path, limits));
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.end("SIGTERM")));
  await folder.remove();
});

function never(): never {
  throw new Error("unreachable");
}

/** A page's request that costs something, from wherever it says to come. */
function buy(server: ServerProcess, forwardedFor?: string): Promise<Response> {
  return fetch(`${server.url}/api/v1/purchases`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${dev.publicKey}`,
      "content-type": "application/json",
      origin: server.url,
      ...(forwardedFor === undefined ? {} : { "x-forwarded-for": forwardedFor }),
    },
    body: JSON.stringify({ planId: "none" }),
  });
}

const statuses = async (requests: Promise<Response>[]) => (await Promise.all(requests)).map(({ status }) => status);
const limited = (all: number[]) => all.filter((status) => status === 429).length;

/** Begins early in a minute, so that what follows falls into one window. */
async function earlyInAMinute(): Promise<void> {
  const left = 60_000 - (Date.now() % 60_000);
  if (left < 15_000) await new Promise((resolve) => setTimeout(resolve, left));
}

test("a server that trusts no proxy limits who is connected, whatever the request says", async () => {
  const asked = Array.from({ length: 30 }, (_, i) => buy(servers[0] ?? never(), `198.51.100.${i}`));
  // the minute may end meanwhile: then twice as many pass
  expect(limited(await statuses(asked))).toBeGreaterThanOrEqual(20);
});

test("a server behind a proxy of its machine limits whom the proxy names, and nobody where it names nobody", async () => {
  const server = servers[1] ?? never();
  const same = Array.from({ length: 30 }, (_, i) => buy(server, `198.51.100.${i}, 203.0.113.1`));
  expect(limited(await statuses(same))).toBeGreaterThanOrEqual(20);
  const different = Array.from({ length: 30 }, (_, i) => buy(server, `203.0.113.1, 198.51.100.${i}`));
  expect(limited(await statuses(different))).toBe(0);
  expect(limited(await statuses(Array.from({ length: 30 }, () => buy(server))))).toBe(0);
});

test("a production server says once what leaves clients without a limit", async () => {
  const own = await temporaryFolder();
  const server = await startServer(own.path, {
    NODE_ENV: "production",
    SCRIP_MASTER_KEY: "m".repeat(40),
    SCRIP_ADMIN_TOKEN: "a".repeat(40),
    PUBLIC_URL: "https://offers.example.com",
    RATE_LIMIT_KEY: "0",
  });
  for (let i = 0; i < 5; i++) await buy(server);
  await server.end("SIGTERM");
  await own.remove();
  expect(server.output().match(/there is no rate limit keyPerSecond: the setting is 0/g)).toHaveLength(1);
  expect(server.output().match(/requests of pages through 127\.0\.0\.1 name no client/g)).toHaveLength(1);
});

test("what one server has counted, another knows a moment later", async () => {
  await earlyInAMinute();
  const [first = never(), second = never()] = servers;
  const key = { authorization: `Bearer ${"adm_wrong".padEnd(44, "x")}`, "x-forwarded-for": "127.0.0.1" };
  const guess = (server: ServerProcess) => fetch(`${server.url}/api/v1/manage/environments`, { headers: key });
  await statuses(Array.from({ length: 30 }, () => guess(first)));
  await new Promise((resolve) => setTimeout(resolve, 2500));
  const answer = await guess(second);
  expect(answer.status).toBe(429);
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
});
