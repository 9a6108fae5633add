import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type ServerType, serve } from "@hono/node-server";
import { serveStatic } from "@hono/node-server/serve-static";
import { createClient } from "@libsql/client";
import type { Hono } from "hono";
import { type Logger, pino } from "pino";
import Stripe from "stripe";
import { replaceAdminToken } from "../engine/admin.ts";
import { closeEngine, createEngine, type Engine } from "../engine/engine.ts";
import { createPublicFetch } from "../engine/public-fetch.ts";
import { compileWorkflow } from "../engine/sandbox/esbuild-compiler.ts";
import { createProcessPool } from "../engine/sandbox/process-pool.ts";
import { createStorage, driverWaitMs, migrate } from "../engine/storage.ts";
import type { StripeEndpoint, StripeHttpClient } from "../engine/stripe.ts";
import { createVault, isVaultOf } from "../engine/vault.ts";
import { createWebhookSender } from "../engine/webhooks/deliver.ts";
import { createApp } from "./app.ts";
import { localUrl, readSettings, type Settings } from "./config.ts";
import { startDemo } from "./node-demo.ts";
import { scheduleTasks } from "./node-tasks.ts";
import { stripeEndpointOf } from "./stripe-endpoint.ts";

/** A server that listens. `stop` drains it: requests under way finish, and nothing acknowledged is lost. */
export type RunningServer = { url: string; engine: Engine; greeting: string[]; stop(): Promise<void> };

/** Starts everything on Node: database, sandbox, API, and in development the local Stripe and the demo. */
export async function startServer(settings: Settings): Promise<RunningServer> {
  const logger = pino({ level: settings.logLevel });
  await mkdir(settings.dataDir, { recursive: true, mode: 0o700 });
  const url = (settings.publicUrl ?? localUrl(settings)).replace(/\/+$/, "");
  const stripeEndpoint = stripeEndpointOf(settings) ?? localStripeEndpoint(settings);
  const engine = await openEngine(settings, logger, { url, stripeEndpoint });
  if (settings.adminToken !== null) {
    await replaceAdminToken(engine, settings.adminToken, { label: "SCRIP_ADMIN_TOKEN", role: "publisher" });
  }
  // the demo is made with the app, and has the key: it is asked for when a page asks for the script
  let clientKey = settings.clientPublicKey;
  const ownOrigins = [new URL(url).origin, `http://localhost:${settings.port}`];
  const app = createApp(engine, { ownOrigins, clientKey: () => clientKey });
  app.use("/docs/assets/*", swaggerUi());
  const demo = settings.production ? null : await startDemo(engine, app, { settings, url });
  clientKey ??= demo?.publicKey ?? null;
  await engine.holders.refresh();
  const webhooks = createWebhookSender(engine);
  const refresh = setInterval(() => {
    webhooks.wake();
    Promise.all([engine.environments.refresh(), engine.holders.refresh(), engine.memberKeys.refresh()]).catch(
      (fault: unknown) => logger.warn({ err: fault }, "what other processes changed could not be read"),
    );
  }, 1000);
  const underWay = new Set<Promise<unknown>>();
  const server = await listen(counted(app, underWay), settings);
  const tasks = scheduleTasks(engine);
  return {
    url,
    engine,
    greeting: demo?.greeting ?? productionGreeting(settings, url),
    async stop() {
      clearInterval(refresh);
      await Promise.all([tasks.stop(), closeServer(server)]);
      // a visitor who leaves closes the connection, not the request: its event is still to come
      await Promise.allSettled(underWay);
      await webhooks.close();
      await closeEngine(engine);
      await demo?.stop();
    },
  };
}

/** What `scrip start` does: reads the environment, starts, says where to go, and drains on SIGTERM and SIGINT. */
export async function run(env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const read = readSettings(env);
  if (!read.ok) return fail(["Scrip cannot start:", ...read.problems.map((problem) => `  ${problem}`)]);
  const { settings } = read;
  const server = await startServer(settings).catch((error: unknown) => fail(startProblem(error, settings)));
  if (server === undefined) return;
  const drain = () => {
    process.off("SIGTERM", drain);
    process.off("SIGINT", drain);
    server.stop().then(
      () => process.exit(0),
      (error: unknown) => fail([`Scrip did not stop cleanly: ${error instanceof Error ? error.message : error}`]),
    );
  };
  process.on("SIGTERM", drain);
  process.on("SIGINT", drain);
  console.log(server.greeting.join("\n"));
}

function productionGreeting(settings: Settings, url: string): string[] {
  const listens = `Scrip listens at ${localUrl(settings)}, for ${url}`;
  if (settings.stripeSecretKey === null) return [listens];
  const where = "PUT /api/v1/manage/environments/{id}/integrations/stripe";
  return [listens, `STRIPE_SECRET_KEY is for development: in production connect each environment's account, ${where}`];
}

function fail(lines: string[]): undefined {
  console.error(lines.join("\n"));
  process.exit(1);
}

function startProblem(error: unknown, { production, host, port, databaseUrl }: Settings): string[] {
  const code = error instanceof Error && "code" in error ? error.code : "";
  if (code === "EADDRINUSE") {
    // in development the local Stripe takes the next one
    const ports = production ? `${port}` : `${port} or ${port + 1}`;
    return [`Port ${ports} of ${host} is in use: stop what listens there, or set PORT to another one`];
  }
  const message = error instanceof Error ? error.message : String(error);
  return [
    `Scrip cannot start: ${message}`,
    ...(databaseUrl === null ? [] : [`DATABASE_URL is ${new URL(databaseUrl).host}`]),
  ];
}

async function openEngine(
  settings: Settings,
  logger: Logger,
  { url, stripeEndpoint }: { url: string; stripeEndpoint: StripeEndpoint | null },
): Promise<Engine> {
  const file = resolve(settings.dataDir, "scrip.db");
  // made here so that nobody else can read it; the files beside it take after it
  if (settings.databaseUrl === null) await (await open(file, "a", 0o600)).close();
  const storage = createStorage(
    createClient({
      url: settings.databaseUrl ?? pathToFileURL(file).href,
      timeout: driverWaitMs,
      ...(settings.databaseAuthToken === null ? {} : { authToken: settings.databaseAuthToken }),
    }),
  );
  await migrate(storage, Date.now);
  const vault = await createVault(settings.masterKey ?? (await developmentKey(settings.dataDir)));
  if (!(await isVaultOf(vault, storage))) {
    throw new Error("SCRIP_MASTER_KEY is not the key that this database was begun with: its secrets cannot be opened");
  }
  return createEngine({
    storage,
    vault,
    sandbox: createProcessPool(settings.sandboxProcesses === null ? {} : { processes: settings.sandboxProcesses }),
    compile: compileWorkflow,
    fetch,
    stripeHttpClient: stripeHttpClient(stripeEndpoint),
    publicFetch: createPublicFetch(),
    now: Date.now,
    publicUrl: url,
    ...(stripeEndpoint === null ? {} : { stripeEndpoint }),
    onFault: (fault, what) => logger.error({ err: fault }, what),
  });
}

/** Node's own client costs a third less than fetch; connections are kept. */
function stripeHttpClient(endpoint: StripeEndpoint | null): StripeHttpClient {
  const agent =
    endpoint?.protocol === "http" ? new HttpAgent({ keepAlive: true }) : new HttpsAgent({ keepAlive: true });
  return Stripe.createNodeHttpClient(agent);
}

/** Without a key of Stripe's there is only the local one, and in production not that either: null. */
function localStripeEndpoint({ stripeSecretKey, production, port }: Settings): StripeEndpoint | null {
  if (stripeSecretKey !== null || production) return null;
  return { protocol: "http", host: "127.0.0.1", port: port + 1 };
}

/** A key of the data folder's own, made once. Only for development: production brings its own. */
async function developmentKey(dataDir: string): Promise<string> {
  const file = join(dataDir, "master.key");
  const fresh = crypto.getRandomValues(new Uint8Array(32)).toHex();
  await writeFile(file, fresh, { mode: 0o600, flag: "wx" }).catch((error: unknown) => {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  });
  return readFile(file, "utf8");
}

function swaggerUi() {
  const root = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));
  return serveStatic({ root, rewriteRequestPath: (path) => path.replace(/^\/docs\/assets/, "") });
}

/** The app's fetch, with each request in the set for as long as it is being answered. */
function counted(app: Hono, underWay: Set<Promise<unknown>>): Hono["fetch"] {
  return (request, ...rest) => {
    const answer = app.fetch(request, ...rest);
    if (answer instanceof Promise) {
      underWay.add(answer);
      const done = () => underWay.delete(answer);
      answer.then(done, done);
    }
    return answer;
  };
}

function listen(fetch: Hono["fetch"], { host, port }: Settings): Promise<ServerType> {
  return new Promise((done, reject) => {
    const server = serve({ fetch, hostname: host, port }, () => done(server));
    server.once("error", reject);
  });
}

const drainMs = 30_000;

/** No new connections; each of the others is closed when its request is answered, or after 30 seconds at the latest. */
function closeServer(server: ServerType): Promise<void> {
  return new Promise((done, reject) => {
    const idle = setInterval(() => "closeIdleConnections" in server && server.closeIdleConnections(), 50);
    const late = setTimeout(() => "closeAllConnections" in server && server.closeAllConnections(), drainMs);
    server.close((error) => {
      clearInterval(idle);
      clearTimeout(late);
      if (error === undefined) done();
      else reject(error);
    });
  });
}
