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
import type { Sandbox } from "../engine/sandbox.ts";
import { remoteOptions } from "../engine/storage/remote-client.ts";
import { createStorage, driverWaitMs, migrate } from "../engine/storage.ts";
import type { StripeEndpoint, StripeHttpClient } from "../engine/stripe.ts";
import { readTenant } from "../engine/tenants.ts";
import { createVault, isVaultOf } from "../engine/vault.ts";
import { createWebhookSender } from "../engine/webhooks/deliver.ts";
import { createApp } from "./app.ts";
import { localUrl, readSettings, type Settings } from "./config.ts";
import { nodeClientAddress } from "./node-client-address.ts";
import { counted, drain } from "./node-drain.ts";
import { createMetrics, serveMetrics } from "./node-metrics.ts";
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
  const notice = (what: string) => logger.warn(what);
  const clientAddress = nodeClientAddress(settings, notice);
  const app = createApp(engine, { ownOrigins, clientKey: () => clientKey, clientAddress });
  app.use("/docs/assets/*", swaggerUi());
  const underWay = new Set<Promise<unknown>>();
  const metrics = createMetrics(engine, () => underWay.size);
  // without a token they are for a developer's own machine
  if (settings.metricsToken !== null || !settings.production) serveMetrics(app, metrics, settings.metricsToken);
  const demo = settings.production ? null : await (await development()).startDemo(engine, app, { settings, url });
  clientKey ??= demo?.publicKey ?? null;
  await engine.holders.refresh();
  const webhooks = createWebhookSender(engine);
  const seeOthers = oneAtATime(async () => {
    const looks = [
      engine.environments.refresh(),
      engine.holders.refresh(),
      engine.memberKeys.refresh(),
      engine.rateLimits.sync(),
    ];
    for (const look of await Promise.allSettled(looks)) {
      if (look.status === "fulfilled") continue;
      logger.warn({ err: look.reason }, "what other processes changed could not be read");
    }
  });
  const refresh = setInterval(() => {
    webhooks.wake();
    void seeOthers();
  }, 1000);
  const server = await listen(metrics.timed(app, counted(app, underWay)), settings);
  const tasks = scheduleTasks(engine);
  return {
    url,
    engine,
    greeting: demo?.greeting ?? productionGreeting(settings, url),
    async stop() {
      clearInterval(refresh);
      await drain({ server, underWay, tasks, webhooks, sandbox: engine.sandbox }, settings.drainMs);
      await closeEngine(engine);
      await demo?.stop();
    },
  };
}

/** Only now, because what production runs on need not have the demo and the local Stripe. */
const development = () => import("./node-demo.ts");

/** What `scrip start` does: reads the environment, starts, says where to go, and drains on SIGTERM and SIGINT. */
export async function run(env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const read = readSettings(env);
  if (!read.ok) return fail(["Scrip cannot start:", ...read.problems.map((problem) => `  ${problem}`)]);
  const { settings } = read;
  const server = await startServer(settings).catch((error: unknown) => fail(startProblem(error, settings)));
  if (server === undefined) return;
  const stop = () => {
    // a second signal finds nobody who listens, and ends the process at once
    process.off("SIGTERM", stop);
    process.off("SIGINT", stop);
    server.stop().then(
      () => process.exit(0),
      (error: unknown) => fail([`Scrip did not stop cleanly: ${error instanceof Error ? error.message : error}`]),
    );
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
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
      ...remoteOptions(fetch),
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
    sandbox: openSandbox(settings, logger),
    budgetMaxima: settings.budgetMaxima,
    compile: compileWorkflow,
    fetch,
    stripeHttpClient: stripeHttpClient(stripeEndpoint),
    publicFetch: createPublicFetch(),
    now: Date.now,
    publicUrl: url,
    ...(stripeEndpoint === null ? {} : { stripeEndpoint }),
    rateLimits: settings.rateLimits,
    onFault: (fault, what) => logger.error({ err: fault }, what),
    onNotice: (notice) => logger.warn(notice),
  });
}

function openSandbox({ sandboxProcesses }: Settings, logger: Logger): Sandbox {
  return createProcessPool({
    ...(sandboxProcesses === null ? {} : { processes: sandboxProcesses }),
    onRest: ({ tenant, leftMs, kills }) =>
      logger.warn(
        { ...(readTenant(tenant) ?? { purpose: "check" }), kills, restMs: leftMs },
        "a workflow rests: its runs have ended too many sandbox processes",
      ),
    onTrouble: (trouble) =>
      logger.error({ trouble }, "no sandbox process can be started, so no workflow runs: `scrip doctor` tells more"),
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

/** A database that is slow to answer is not asked again meanwhile. */
function oneAtATime(work: () => Promise<void>): () => Promise<void> {
  let underWay: Promise<void> | undefined;
  return () => {
    underWay ??= work().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}

function swaggerUi() {
  const root = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));
  return serveStatic({ root, rewriteRequestPath: (path) => path.replace(/^\/docs\/assets/, "") });
}

function listen(fetch: Hono["fetch"], { host, port }: Settings): Promise<ServerType> {
  return new Promise((done, reject) => {
    const server = serve({ fetch, hostname: host, port }, () => done(server));
    server.once("error", reject);
  });
}
