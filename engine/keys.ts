import { and, desc, eq, isNull } from "drizzle-orm";
import { LRUCache } from "lru-cache";
import { apiKeys, environments } from "../schemas/tables.ts";
import { randomText, sha256Hex } from "./digest.ts";
import type { Engine } from "./engine.ts";
import type { Environment } from "./environments.ts";
import { ScripError } from "./error.ts";
import { bumpRevision } from "./revision.ts";

/** `sk` may do everything; `pk` may be in a page. */
export type KeyKind = "sk" | "pk";

/** Who calls: an environment, through one of its keys. */
export type Caller = { environment: Environment; kind: KeyKind; keyId: string };

/** The text of a key, shown once: `{sk|pk}_{environmentId}_{data}` (MonetizationOS). */
export function newKeyText(kind: KeyKind, environmentId: string): string {
  return `${kind}_${environmentId}_${randomText(40)}`;
}

const hashes = new LRUCache<string, string>({ max: 1000 });

/**
 * Finds whom a key speaks for. Throws `invalid_api_key`, or `organization_not_found` where the key's own environment
 * does not exist.
 */
export async function authenticate(engine: Engine, key: string): Promise<Caller> {
  const match = /^(sk|pk)_([a-z0-9]+_[a-z0-9]+)_[0-9A-Za-z]{20,100}$/.exec(key);
  const environmentId = match?.[2];
  if (environmentId === undefined) throw new ScripError("invalid_api_key", "Invalid API key");
  const environment = await engine.environments.get(environmentId);
  if (environment === undefined) throw new ScripError("organization_not_found", "Organization not found");
  const hash = await hashOf(key);
  // a key that another process has made a moment ago is not in memory yet
  const current = environment.keys.has(hash) ? environment : await engine.environments.recheck(environmentId);
  const found = current?.keys.get(hash);
  if (current === undefined || found === undefined) throw new ScripError("invalid_api_key", "Invalid API key");
  return { environment: current, kind: found.kind, keyId: found.id };
}

/** Hashing is asynchronous and costs more than the rest of authentication: hashes of recent keys are kept. */
async function hashOf(key: string): Promise<string> {
  const known = hashes.get(key);
  if (known !== undefined) return known;
  const hash = await sha256Hex(key);
  hashes.set(key, hash);
  return hash;
}

/** Makes a key and returns its text: only its hash is stored. */
export async function createKey(engine: Engine, environmentId: string, kind: KeyKind, label: string) {
  const text = newKeyText(kind, environmentId);
  const row = { id: `key_${randomText(12)}`, environmentId, kind, label, createdAt: engine.now() };
  const hash = await sha256Hex(text);
  await engine.storage.write(async (tx) => {
    await bumpRevision(tx, environmentId);
    await tx.insert(apiKeys).values({ ...row, hash });
  });
  await engine.environments.reload(environmentId);
  return { ...row, key: text };
}

/** The keys of an environment, newest first, without hashes. */
export async function listKeys(engine: Engine, environmentId: string) {
  const { id, kind, label, createdAt, revokedAt } = apiKeys;
  const rows = engine.storage.db.select({ id, kind, label, createdAt, revokedAt }).from(apiKeys);
  return rows.where(eq(apiKeys.environmentId, environmentId)).orderBy(desc(apiKeys.createdAt));
}

/** Ends a key at once in this process, and within a second in others. Throws `key_not_found`. */
export async function revokeKey(engine: Engine, environmentId: string, id: string): Promise<void> {
  const changed = await engine.storage.write(async (tx) => {
    await bumpRevision(tx, environmentId);
    const own = and(eq(apiKeys.environmentId, environmentId), eq(apiKeys.id, id), isNull(apiKeys.revokedAt));
    return tx.update(apiKeys).set({ revokedAt: engine.now() }).where(own).returning({ id: apiKeys.id });
  });
  if (changed.length === 0) throw new ScripError("key_not_found", `No key ${id} that is in use`);
  await engine.environments.reload(environmentId);
}

/** The ids of all environments. */
export async function listEnvironments(engine: Engine) {
  return engine.storage.db.select().from(environments);
}
