import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@libsql/client";
import { type DevFile, ensureDemo } from "../../demo/ensure-demo.ts";
import { closeEngine, createEngine } from "../../engine/engine.ts";
import { addWebhookSecret } from "../../engine/integrations.ts";
import { compileWorkflow } from "../../engine/sandbox/esbuild-compiler.ts";
import { createProcessPool } from "../../engine/sandbox/process-pool.ts";
import { createStorage, migrate } from "../../engine/storage.ts";
import { createVault, isVaultOf } from "../../engine/vault.ts";
import { type ListeningStripe, serveLocalStripe } from "../../local-stripe/serve.ts";
import type { Base } from "./journey.ts";

const accountId = "acct_demo";
const secretKey = "sk_test_local";
const webhookSecret = "whsec_of_the_journey";
const premiumPriceId = "price_premium_monthly";

/** A shop to be served by others: its configuration is in the database, and its Stripe listens. */
export type Shop = { base: Base; dev: DevFile; stripe: ListeningStripe; stop(): Promise<void> };

/** What the servers of a shop must be told. */
export type ShopOptions = { databaseUrl: string; masterKey: string; url: string };

/**
 * What an operator does with Node for servers that compile nothing: migrates the database, applies the demo's
 * configuration, makes keys, and connects the account of a local Stripe, which sends its webhooks to `url`.
 */
export async function setUpShop({ databaseUrl, masterKey, url }: ShopOptions): Promise<Shop> {
  const dataDir = await mkdtemp(join(tmpdir(), "scrip-shop-"));
  const stripe = await serveLocalStripe({ port: 0, secretKeys: [secretKey], catalogue });
  const storage = createStorage(createClient({ url: databaseUrl }));
  await migrate(storage, Date.now);
  const vault = await createVault(masterKey);
  await isVaultOf(vault, storage);
  const engine = createEngine({
    storage,
    vault,
    sandbox: createProcessPool({ processes: 1 }),
    compile: compileWorkflow,
    fetch,
    publicFetch: fetch,
    now: Date.now,
    publicUrl: url,
    onFault: (fault, what) => {
      throw new Error(what, { cause: fault });
    },
  });
  const dev = await ensureDemo(engine, {
    dataDir,
    url,
    stripe: { url: stripe.url, accountId, secretKey, premiumPriceId, webhookSecret },
    jwks: { keys: [] },
  });
  await addWebhookSecret(engine, dev.environmentId, { accountId, secret: webhookSecret });
  await closeEngine(engine);
  stripe.addWebhookEndpoint({ url: `${url}/api/v1/webhooks/stripe/${accountId}`, secret: webhookSecret });
  return {
    base: { ...dev, stripe: { url: stripe.url, secretKey } },
    dev,
    stripe,
    async stop() {
      await stripe.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

const catalogue = {
  account: { id: accountId, name: "The Daily Scrip" },
  products: [{ id: "prod_premium", name: "Premium Monthly" }],
  prices: [
    {
      id: premiumPriceId,
      product: "prod_premium",
      currency: "gbp",
      unitAmount: 1000,
      recurring: { interval: "month" as const },
    },
  ],
};
