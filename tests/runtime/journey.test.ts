import { afterEach, expect, test } from "vitest";
import { type LibsqlServer, startLibsqlServer } from "../fakes/libsql-server.ts";
import { journey } from "./journey.ts";
import { freePorts, type ServerProcess, startServer, temporaryFolder } from "./server-process.ts";
import { type Shop, setUpShop } from "./shop-setup.ts";

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const masterKey = "m".repeat(40);

async function start(env: Record<string, string> = {}): Promise<ServerProcess> {
  const { path, remove } = await temporaryFolder();
  cleanUps.push(remove);
  const server = await startServer(path, env);
  cleanUps.push(async () => server.child.exitCode ?? server.end("SIGKILL"));
  return server;
}

/** A shop whose database is a server, and `count` Node servers of it. */
async function startNodes(count: number): Promise<{ shop: Shop; servers: ServerProcess[] }> {
  const database: LibsqlServer = await startLibsqlServer();
  cleanUps.push(database.stop);
  const ports = await Promise.all(Array.from({ length: count }, freePorts));
  const url = `http://127.0.0.1:${ports[0]}`;
  const shop = await setUpShop({ databaseUrl: database.url, masterKey, url });
  cleanUps.push(shop.stop);
  const env = {
    DATABASE_URL: database.url,
    SCRIP_MASTER_KEY: masterKey,
    PUBLIC_URL: url,
    STRIPE_API_URL: shop.stripe.url,
  };
  const servers = await Promise.all(ports.map((port) => start({ ...env, PORT: String(port) })));
  return { shop, servers };
}

test("the main job is done by a Node server with a file", async () => {
  const server = await start();
  const dev = await server.dev();
  await journey({ ...dev, stripe: { url: dev.stripe.url, secretKey: "sk_test_local" } });
  expect(server.output()).not.toContain('"level":50');
});

test("the main job is done by a Node server with a libSQL server", async () => {
  const { shop, servers } = await startNodes(1);
  await journey(shop.base);
  for (const server of servers) expect(server.output()).not.toContain('"level":50');
});

test("the main job is done by three Node servers with a libSQL server, whichever is asked", async () => {
  const { shop, servers } = await startNodes(3);
  const base = { ...shop.base, servers: servers.map(({ url }) => url) };
  await Promise.all([journey(base), journey(base)]);
  for (const server of servers) expect(server.output()).not.toContain('"level":50');
}, 60_000);
