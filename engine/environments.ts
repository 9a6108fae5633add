import { and, desc, eq, gt, isNull, or } from "drizzle-orm";
import { LRUCache } from "lru-cache";
import * as v from "valibot";
import { Config } from "../schemas/config.ts";
import { JsonObject } from "../schemas/json.ts";
import {
  apiKeys,
  entityIds,
  environmentSecrets,
  environments,
  environmentVersions,
  signingKeys,
  stripeAccounts,
  stripeWebhookSecrets,
} from "../schemas/tables.ts";
import { webhookEndpoints } from "../schemas/webhook-tables.ts";
import { type BudgetMaxima, withinMaxima } from "./budgets.ts";
import { type CompiledConfig, compileConfig } from "./config/compiled.ts";
import { ScripError } from "./error.ts";
import { mask } from "./masking.ts";
import { openSealedRows } from "./sealed-rows.ts";
import type { Storage } from "./storage.ts";
import { throttledLook } from "./throttled-look.ts";
import type { SigningKeys } from "./token.ts";
import { createUserJwtVerifier, type UserJwtVerifier } from "./user-jwt.ts";
import type { Vault } from "./vault.ts";

/** Everything about an environment that requests read, in memory, as of one `revision`. */
export type Environment = {
  id: string;
  revision: number;
  compiled: CompiledConfig;
  /** SHA-256 of a key to what it is. */
  keys: Map<string, { id: string; kind: "sk" | "pk" }>;
  signing: SigningKeys;
  /** Account id to secret key. Never leaves the engine's process. */
  stripeAccounts: Map<string, string>;
  /** Account id to the secrets that sign its webhooks: several while one is being replaced. */
  stripeWebhookSecrets: Map<string, string[]>;
  /** Variables and secrets, as workflows see them; and those of them that are secret. */
  env: Record<string, string>;
  secrets: Map<string, string>;
  verifyUserJwt: UserJwtVerifier | null;
  /** The enabled endpoints of outgoing webhooks. `types` empty means all. */
  webhookEndpoints: readonly { id: string; types: readonly string[] }[];
};

/** What workflows see in `env`, with a mask in the place of each secret. */
export function maskedEnv({ env, secrets }: Environment): Record<string, string> {
  return { ...env, ...Object.fromEntries([...secrets.keys()].map((name) => [name, mask])) };
}

/** The environments of this process. */
export type Environments = {
  /** From memory, or loaded once. `undefined` when there is none of this id. */
  get(id: string): Promise<Environment | undefined>;
  /** Loads anew after a change made in this process. */
  reload(id: string): Promise<Environment | undefined>;
  /** Loads anew what another process changed. Call it about once a second. */
  refresh(): Promise<void>;
  /**
   * Asks the database whether memory is behind, where it does not know what a request names. At most 5 times a second; the
   * question is never older than the call.
   */
  recheck(id: string): Promise<Environment | undefined>;
  /** The configuration at an earlier version. */
  version(id: string, version: number): Promise<CompiledConfig | undefined>;
};

/** An environment that must be there. Throws `environment_not_found`. */
export async function existingEnvironment(environments: Environments, id: string): Promise<Environment> {
  const environment = await environments.get(id);
  if (environment === undefined) throw new ScripError("environment_not_found", `No environment ${id}`);
  return environment;
}

/** What `createEnvironments` needs of the engine. */
export type EnvironmentParts = {
  storage: Storage;
  vault: Vault;
  fetch: typeof fetch;
  now: () => number;
  budgetMaxima: BudgetMaxima;
};

const StoredWorkflow = v.object({ codeHash: v.string(), script: v.string(), sourceMap: v.string() });

/** A map, because a record of valibot's lacks the slugs that are called as parts of every object are. */
const StoredWorkflows = v.pipe(
  JsonObject,
  v.transform((workflows) => Object.entries(workflows)),
  v.array(v.tuple([v.string(), StoredWorkflow])),
  v.transform((entries) => new Map(entries)),
);

/** What is kept of environments: values alone, nothing that is under way, so that it may outlive who loaded it. */
export type EnvironmentMemory = { loaded: Map<string, Environment>; versions: LRUCache<string, CompiledConfig> };

/** A memory in which nothing is yet. */
export function createEnvironmentMemory(): EnvironmentMemory {
  return { loaded: new Map(), versions: new LRUCache({ max: 50 }) };
}

/** Keeps environments in memory: a decision never waits for the database to learn its configuration. */
export function createEnvironments(
  parts: EnvironmentParts,
  { loaded, versions }: EnvironmentMemory = createEnvironmentMemory(),
): Environments {
  const loading = new Map<string, Promise<Environment | undefined>>();

  const reload = async (id: string) => {
    const fresh = await loadEnvironment(parts, id);
    const known = loaded.get(id);
    if (fresh !== undefined && (known === undefined || known.revision <= fresh.revision)) loaded.set(id, fresh);
    return loaded.get(id);
  };
  const get = (id: string) => {
    const known = loaded.get(id);
    if (known !== undefined) return Promise.resolve(known);
    const first = loading.get(id) ?? reload(id).finally(() => loading.delete(id));
    loading.set(id, first);
    return first;
  };
  const refresh = async () => {
    const rows = await parts.storage.db
      .select({ id: environments.id, revision: environments.revision })
      .from(environments);
    const changed = rows.filter(({ id, revision }) => (loaded.get(id)?.revision ?? revision) !== revision);
    await Promise.all(changed.map(({ id }) => reload(id)));
  };
  const lookAnew = throttledLook(refresh);
  return {
    get,
    reload,
    refresh,
    async recheck(id) {
      await lookAnew();
      return get(id);
    },
    async version(id, version) {
      const current = await get(id);
      if (current?.compiled.version === version) return current.compiled;
      const key = `${id}:${version}`;
      const compiled = versions.get(key) ?? (await loadVersion(parts, id, version));
      if (compiled !== undefined) versions.set(key, compiled);
      return compiled;
    },
  };
}

async function loadEnvironment(parts: EnvironmentParts, id: string): Promise<Environment | undefined> {
  const { storage, vault, now } = parts;
  const { db } = storage;
  // one batch is one snapshot: keys and configuration of the same revision
  const [[row], keys, signing, accounts, secrets, webhookSecrets] = await db.batch([
    db.select().from(environments).where(eq(environments.id, id)),
    db
      .select()
      .from(apiKeys)
      .where(and(eq(apiKeys.environmentId, id), isNull(apiKeys.revokedAt))),
    db
      .select()
      .from(signingKeys)
      .where(
        and(eq(signingKeys.environmentId, id), or(isNull(signingKeys.verifyUntil), gt(signingKeys.verifyUntil, now()))),
      )
      .orderBy(desc(signingKeys.createdAt)),
    db.select().from(stripeAccounts).where(eq(stripeAccounts.environmentId, id)),
    db.select().from(environmentSecrets).where(eq(environmentSecrets.environmentId, id)),
    db.select().from(stripeWebhookSecrets).where(eq(stripeWebhookSecrets.environmentId, id)),
  ]);
  if (row === undefined) return undefined;
  const compiled = await loadVersion(parts, id, row.configVersion);
  if (compiled === undefined) throw new Error(`environment ${id} lacks version ${row.configVersion}`);
  const opened = await openSealedRows(vault, { environmentId: id, signing, accounts, webhookSecrets, secrets });
  const { userJwt, variables } = compiled.config;
  return {
    id,
    revision: row.revision,
    compiled,
    keys: new Map(keys.map((key) => [key.hash, { id: key.id, kind: key.kind }])),
    ...opened,
    env: { ...variables, ...Object.fromEntries(opened.secrets) },
    verifyUserJwt: userJwt === null ? null : createUserJwtVerifier(userJwt, parts.fetch),
    webhookEndpoints: await enabledWebhookEndpoints(storage, id),
  };
}

/** Read after the revision: what is newer than it is loaded again at the next look at revisions. */
function enabledWebhookEndpoints({ db }: Storage, environmentId: string) {
  const { id, types } = webhookEndpoints;
  const own = and(eq(webhookEndpoints.environmentId, environmentId), isNull(webhookEndpoints.disabledAt));
  return db.select({ id, types }).from(webhookEndpoints).where(own);
}

async function loadVersion(
  { storage: { db }, budgetMaxima }: EnvironmentParts,
  id: string,
  version: number,
): Promise<CompiledConfig | undefined> {
  const [[row], ids] = await db.batch([
    db
      .select()
      .from(environmentVersions)
      .where(and(eq(environmentVersions.environmentId, id), eq(environmentVersions.version, version))),
    db.select().from(entityIds).where(eq(entityIds.environmentId, id)),
  ]);
  if (row === undefined) return undefined;
  const byName = new Map(ids.map((entity) => [`${entity.kind}:${entity.slug}`, entity.id]));
  const idOf = (kind: string, slug: string) => {
    const found = byName.get(`${kind}:${slug}`);
    if (found === undefined) throw new Error(`${kind} ${slug} has no id`);
    return found;
  };
  const stored = v.parse(Config, row.document);
  const config = { ...stored, budgets: withinMaxima(stored.budgets, budgetMaxima) };
  return compileConfig(version, config, idOf, v.parse(StoredWorkflows, row.workflows));
}
