import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { ensureAdminToken, newAdminToken } from "../engine/admin.ts";
import { applyConfig, currentConfig } from "../engine/config/apply.ts";
import { createEnvironment } from "../engine/create-environment.ts";
import type { Engine } from "../engine/engine.ts";
import { ScripError } from "../engine/error.ts";
import { connectStripeAccount } from "../engine/integrations.ts";
import { createKey } from "../engine/keys.ts";
import type { JsonObject } from "../schemas/json.ts";
import { demoConfig, demoVariables } from "./config.ts";

/** What `DATA_DIR/dev.json` says: where a development server is and what opens it. Never written in production. */
export const DevFile = v.object({
  url: v.string(),
  secretKey: v.string(),
  publicKey: v.string(),
  adminToken: v.string(),
  environmentId: v.string(),
  surfaceSlug: v.string(),
  stripe: v.object({ url: v.string(), accountId: v.string(), webhookSecret: v.nullable(v.string()) }),
});
export type DevFile = v.InferOutput<typeof DevFile>;

/** What the demo is made with. */
export type DemoSetup = {
  dataDir: string;
  url: string;
  stripe: {
    url: string;
    accountId: string;
    secretKey: string;
    premiumPriceId: string | null;
    /** What signs the account's webhooks, `whsec_…`; null where there are none. */
    webhookSecret: string | null;
  };
  jwks: { keys: JsonObject[] };
};

const environmentId = "env_preview";

/**
 * Makes the demo's environment, or completes one that was interrupted, and writes `dev.json`. Keys that a `dev.json`
 * names are kept; a configuration that somebody has changed is kept but for the addresses in its variables.
 */
export async function ensureDemo(engine: Engine, setup: DemoSetup): Promise<DevFile> {
  await createEnvironment(engine, { id: environmentId, name: "Preview" }).catch((error: unknown) => {
    if (!(error instanceof ScripError) || error.code !== "environment_exists") throw error;
  });
  const { accountId, secretKey: stripeKey, webhookSecret } = setup.stripe;
  await connectStripeAccount(engine, environmentId, { accountId, secretKey: stripeKey });
  await ensureConfig(engine, setup);

  const known = await readDevFile(setup.dataDir);
  const dev: DevFile = {
    url: setup.url,
    secretKey: known?.secretKey ?? (await createKey(engine, environmentId, "sk", "demo")).key,
    publicKey: known?.publicKey ?? (await createKey(engine, environmentId, "pk", "demo")).key,
    adminToken: known?.adminToken ?? newAdminToken(),
    environmentId,
    surfaceSlug: "demo",
    stripe: { url: setup.stripe.url, accountId, webhookSecret },
  };
  await ensureAdminToken(engine, dev.adminToken, { label: "demo", role: "publisher" });
  await writeDevFile(setup.dataDir, dev);
  return dev;
}

async function ensureConfig(engine: Engine, setup: DemoSetup): Promise<void> {
  const { version, config } = await currentConfig(engine, environmentId);
  const { accountId, premiumPriceId } = setup.stripe;
  const wanted =
    version === 1
      ? demoConfig({ url: setup.url, accountId, premiumPriceId, jwks: setup.jwks })
      : { ...config, variables: { ...config.variables, ...demoVariables(setup.url) } };
  const options = { author: "demo", dryRun: false, expectedVersion: version };
  await applyConfig(engine, environmentId, wanted, options).catch((error: unknown) => {
    // another process of the same data folder was faster
    if (!(error instanceof ScripError) || error.code !== "config_conflict") throw error;
  });
}

/** Reads `dev.json`; null when there is none that can be used. */
export async function readDevFile(dataDir: string): Promise<DevFile | null> {
  const text = await readFile(join(dataDir, "dev.json"), "utf8").catch(() => null);
  if (text === null) return null;
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), DevFile), text);
  return parsed.success ? parsed.output : null;
}

/** Written aside and renamed, so that nobody reads half a file; readable by its owner alone. */
async function writeDevFile(dataDir: string, dev: DevFile): Promise<void> {
  const aside = join(dataDir, `dev.json.${crypto.randomUUID()}`);
  await writeFile(aside, `${JSON.stringify(dev, null, 2)}\n`, { mode: 0o600 });
  await rename(aside, join(dataDir, "dev.json"));
}
