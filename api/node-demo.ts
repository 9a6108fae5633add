import { join } from "node:path";
import type { Hono } from "hono";
import { type DevFile, ensureDemo, readDevFile } from "../demo/ensure-demo.ts";
import { createDemoSite } from "../demo/site.ts";
import { loadSiteKey } from "../demo/site-key.ts";
import { randomText } from "../engine/digest.ts";
import type { Engine } from "../engine/engine.ts";
import { addWebhookSecret } from "../engine/integrations.ts";
import { listEnvironments } from "../engine/keys.ts";
import type { Catalogue } from "../local-stripe/catalogue.ts";
import { type ListeningStripe, serveLocalStripe } from "../local-stripe/serve.ts";
import { localUrl, type Settings } from "./config.ts";

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
      webhookSecret: stripe === null ? settings.stripeWebhookSecret : await localWebhookSecret(settings),
    },
  });
  await connectWebhooks(engine, dev, { stripe, url: webhookUrl(settings) });
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

/** The one that `dev.json` has, or a new one. */
async function localWebhookSecret({ dataDir }: Settings): Promise<string> {
  const known = await readDevFile(dataDir);
  return known?.stripe.webhookSecret ?? `whsec_${randomText(32)}`;
}

/** Where the demo's account is told of: on this machine, because `PUBLIC_URL` may lead through a proxy that is not there. */
function webhookUrl(settings: Settings): string {
  return `${localUrl(settings)}/api/v1/webhooks/stripe/${localAccountId}`;
}

/** Makes the account's signing secret known to the engine, and the engine's address to the local Stripe. */
async function connectWebhooks(
  engine: Engine,
  { environmentId, stripe: { accountId, webhookSecret: secret } }: DevFile,
  { stripe, url }: { stripe: ListeningStripe | null; url: string },
): Promise<void> {
  if (secret === null) return;
  await addWebhookSecret(engine, environmentId, { accountId, secret });
  stripe?.addWebhookEndpoint({ url, secret });
}

function greeting(dev: DevFile, settings: Settings, local: boolean): string[] {
  return [
    `Scrip listens at ${dev.url}`,
    ...(local
      ? [`No STRIPE_SECRET_KEY is set: a local Stripe at ${dev.stripe.url} takes test cards and no money.`]
      : ["Payments go to Stripe with your STRIPE_SECRET_KEY.", ...webhookAdvice(dev, settings)]),
    "",
    `  See it work      ${dev.url}/demo`,
    `  API reference    ${dev.url}/docs`,
    `  Keys and ids     ${join(settings.dataDir, "dev.json")}`,
  ];
}

function webhookAdvice({ stripe: { webhookSecret } }: DevFile, settings: Settings): string[] {
  if (webhookSecret !== null) return [];
  const command = `stripe listen --forward-to ${webhookUrl(settings)}`;
  return [
    `Webhooks are not set up: run \`${command}\` and set STRIPE_WEBHOOK_SECRET to the secret that it prints; until then the reconciling task completes purchases within some minutes.`,
  ];
}
