import { join } from "node:path";
import type { Hono } from "hono";
import { type DevFile, ensureDemo } from "../demo/ensure-demo.ts";
import { createDemoSite } from "../demo/site.ts";
import { loadSiteKey } from "../demo/site-key.ts";
import type { Engine } from "../engine/engine.ts";
import { listEnvironments } from "../engine/keys.ts";
import type { Catalogue } from "../local-stripe/catalogue.ts";
import { serveLocalStripe } from "../local-stripe/serve.ts";
import type { Settings } from "./config.ts";

/** The development side of a server: what to print, the demo's public key if there is a demo, and how to end it. */
export type DemoServer = { greeting: string[]; publicKey: string | null; stop(): Promise<void> };

const premiumPriceId = "price_premium_monthly";
const localSecretKey = "sk_test_local";
const localAccountId = "acct_demo";

const catalogue: Catalogue = {
  account: { id: localAccountId, name: "The Daily Scrip" },
  products: [{ id: "prod_premium", name: "Premium Monthly" }],
  prices: [
    {
      id: premiumPriceId,
      product: "prod_premium",
      currency: "gbp",
      unitAmount: 1000,
      nickname: "Premium Monthly",
      recurring: { interval: "month" },
    },
  ],
};

/**
 * Starts the local Stripe where no key of a real one is set, makes the demo where the database is empty, and adds the
 * storefront to the app. Never in production.
 */
export async function startDemo(
  engine: Engine,
  app: Hono,
  { settings, url }: { settings: Settings; url: string },
): Promise<DemoServer> {
  const stripe = settings.stripeSecretKey === null ? await startLocalStripe(settings) : null;
  const stop = async () => stripe?.stop();
  const environments = await listEnvironments(engine);
  if (environments.length > 0 && !environments.some(({ id }) => id === "env_preview")) {
    return { greeting: [`Scrip listens at ${url}`], publicKey: null, stop };
  }
  const siteKey = await loadSiteKey(settings.dataDir);
  const dev = await ensureDemo(engine, {
    dataDir: settings.dataDir,
    url,
    jwks: siteKey.jwks,
    stripe: {
      url: stripe?.url ?? "https://api.stripe.com",
      accountId: localAccountId,
      secretKey: settings.stripeSecretKey ?? localSecretKey,
      premiumPriceId: stripe === null ? null : premiumPriceId,
    },
  });
  app.route(
    "/demo",
    createDemoSite({ surfaceSlug: "storefront", publicKey: () => dev.publicKey, signUserJwt: siteKey.signUserJwt }),
  );
  for (const path of ["/", "/demo/"]) app.get(path, (c) => c.redirect("/demo"));
  return { greeting: greeting(dev, settings, stripe !== null), publicKey: dev.publicKey, stop };
}

function startLocalStripe({ port, dataDir }: Settings) {
  return serveLocalStripe({
    port: port + 1,
    secretKeys: [localSecretKey],
    file: join(dataDir, "local-stripe.db"),
    catalogue,
  });
}

function greeting(dev: DevFile, { dataDir }: Settings, local: boolean): string[] {
  const stripe = local
    ? `No STRIPE_SECRET_KEY is set: a local Stripe at ${dev.stripe.url} takes test cards and no money.`
    : "Payments go to Stripe with your STRIPE_SECRET_KEY.";
  return [
    `Scrip listens at ${dev.url}`,
    stripe,
    "",
    `  See it work      ${dev.url}/demo`,
    `  API reference    ${dev.url}/docs`,
    `  Keys and ids     ${join(dataDir, "dev.json")}`,
  ];
}
