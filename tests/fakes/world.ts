import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Hono } from "hono";
import { createApp } from "../../api/app.ts";
import type { ClientAddress } from "../../api/rate-limits.ts";
import { ensureAdminToken } from "../../engine/admin.ts";
import type { BudgetMaxima } from "../../engine/budgets.ts";
import { applyConfig } from "../../engine/config/apply.ts";
import { createEnvironment } from "../../engine/create-environment.ts";
import { closeEngine, createEngine, type Engine } from "../../engine/engine.ts";
import { addWebhookSecret, connectStripeAccount } from "../../engine/integrations.ts";
import { createKey } from "../../engine/keys.ts";
import type { RateLimitSettings } from "../../engine/rate-limits.ts";
import { compileWorkflow } from "../../engine/sandbox/esbuild-compiler.ts";
import { createProcessPool } from "../../engine/sandbox/process-pool.ts";
import type { Sandbox } from "../../engine/sandbox.ts";
import { migrate } from "../../engine/storage.ts";
import { createVault } from "../../engine/vault.ts";
import { createLocalStripe, type LocalStripe } from "../../local-stripe/local-stripe.ts";
import { type Clock, createClock } from "./clock.ts";
import { openDatabase } from "./database.ts";
import { sampleConfig } from "./sample-config.ts";

/** A whole Scrip in one test: a real database, in a temp file or on a server, the real sandbox, a local Stripe, the app. */
export type World = {
  app: Hono;
  engine: Engine;
  stripe: LocalStripe;
  clock: Clock;
  /** What was told to `onFault`. */
  faults: string[];
  /** What was told to `onNotice`. */
  notices: string[];
  environmentId: string;
  secretKey: string;
  publicKey: string;
  adminToken: string;
  /** What names the database: its file, or the address of its server. */
  file: string;
  close(): Promise<void>;
};

/** What a test may want otherwise. */
export type WorldOptions = {
  config?: (config: ReturnType<typeof sampleConfig>) => unknown;
  sandbox?: Sandbox;
  publicFetch?: typeof fetch;
  /** A database that another world has made already. */
  file?: string;
  stripe?: LocalStripe;
  /** What stands between the engine and Stripe: it may delay, lose or change what is asked and answered. */
  between?: (stripeFetch: typeof fetch) => typeof fetch;
  /** How much is allowed; what every server allows when left out. */
  rateLimits?: Partial<RateLimitSettings>;
  /** Where requests come from; nowhere that is known when left out. */
  clientAddress?: ClientAddress;
  /** Whether Stripe's events come by webhook; without, the world is one where they never do. */
  webhooks?: boolean;
  /** The most that a run may use. */
  budgetMaxima?: BudgetMaxima;
};

export const origin = "https://news.example.com";
export const adminToken = "adm_of-the-tests-0123456789012345678901234567";

/** Makes a world with the environment `env_preview`. Close it. */
export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), "scrip-"));
  const database = await openDatabase(folder, options.file);
  const { storage } = database;
  const clock = createClock(Date.parse("2026-03-01T12:00:00Z"));
  const faults: string[] = [];
  const notices: string[] = [];
  let app: Hono | undefined;
  const deliver: typeof fetch = async (input, init) => {
    if (app === undefined) throw new Error("the server is not there yet");
    return app.request(new Request(input, init));
  };
  const stripe =
    options.stripe ??
    createLocalStripe({
      publicUrl: "http://stripe.test",
      secretKeys: ["sk_test_world"],
      now: clock.now,
      catalogue,
      deliver,
    });
  await migrate(storage, clock.now);
  const engine = createEngine({
    storage,
    vault: await createVault("the master key of the tests"),
    sandbox: options.sandbox ?? createProcessPool({ processes: 1 }),
    ...(options.budgetMaxima === undefined ? {} : { budgetMaxima: options.budgetMaxima }),
    compile: compileWorkflow,
    fetch: options.between?.(stripe.fetch) ?? stripe.fetch,
    publicFetch: options.publicFetch ?? refusingFetch,
    now: clock.now,
    publicUrl: "https://scrip.test",
    stripeEndpoint: { protocol: "http", host: "stripe.test", port: 80 },
    ...(options.rateLimits === undefined ? {} : { rateLimits: options.rateLimits }),
    onFault: (fault, what) => faults.push(`${what}: ${fault instanceof Error ? fault.message : fault}`),
    onNotice: (notice) => notices.push(notice),
  });
  const environmentId = "env_preview";
  if (options.file === undefined) {
    await createEnvironment(engine, { id: environmentId, name: "Preview" });
    await connectStripeAccount(engine, environmentId, { accountId: "acct_world", secretKey: "sk_test_world" });
    const document = options.config?.(sampleConfig()) ?? sampleConfig();
    await applyConfig(engine, environmentId, document, { author: "test", dryRun: false, expectedVersion: null });
  }
  await ensureAdminToken(engine, adminToken, { label: "test", role: "publisher" });
  app = createApp(engine, { ownOrigins: [], ...(options.clientAddress && { clientAddress: options.clientAddress }) });
  if (options.webhooks) {
    const secret = "whsec_of_the_tests";
    await addWebhookSecret(engine, environmentId, { accountId: "acct_world", secret });
    stripe.addWebhookEndpoint({ url: "https://scrip.test/api/v1/webhooks/stripe/acct_world", secret });
  }
  return {
    app,
    engine,
    stripe,
    clock,
    faults,
    notices,
    environmentId,
    secretKey: (await createKey(engine, environmentId, "sk", "test")).key,
    publicKey: (await createKey(engine, environmentId, "pk", "test")).key,
    adminToken,
    file: database.name,
    async close() {
      if (options.stripe === undefined) stripe.close();
      await closeEngine(engine);
      await database.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const refusingFetch: typeof fetch = async () => {
  throw new Error("tests have no network");
};

const catalogue = {
  account: { id: "acct_world", name: "The Test Times" },
  products: [{ id: "prod_premium", name: "Premium" }],
  prices: [
    {
      id: "price_premium",
      product: "prod_premium",
      currency: "gbp",
      unitAmount: 1000,
      recurring: { interval: "month" as const },
    },
    { id: "price_day", product: "prod_premium", currency: "gbp", unitAmount: 200 },
  ],
};
