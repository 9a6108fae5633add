import { isDeepStrictEqual } from "node:util";
import { and, desc, eq } from "drizzle-orm";
import * as v from "valibot";
import { Config } from "../../schemas/config.ts";
import { JsonObject } from "../../schemas/json.ts";
import { entityIds, environments, environmentVersions } from "../../schemas/tables.ts";
import type { Engine } from "../engine.ts";
import { ScripError } from "../error.ts";
import { bumpRevision } from "../revision.ts";
import type { Database } from "../storage.ts";
import { compilerOf } from "./compiler-of.ts";
import { type Difference, difference } from "./difference.ts";
import { validateConfig } from "./validate.ts";

/** How to apply: by whom, for real or not, and on which version, if it must not have changed meanwhile. */
export type ApplyOptions = { author: string; dryRun: boolean; expectedVersion: number | null };

/** What applying did, or in a dry run would do. `version` is the one in force afterwards. */
export type Applied = { version: number; changed: boolean; dryRun: boolean; difference: Difference[] };

/**
 * Puts a document in force as the next version, whole or not at all. Throws `config_invalid` with every problem,
 * `config_conflict` when another version came between, `environment_not_found`, `compiler_unavailable`. A document that says
 * the same as the one in force changes nothing.
 */
export async function applyConfig(
  engine: Engine,
  environmentId: string,
  document: unknown,
  options: ApplyOptions,
): Promise<Applied> {
  const base = await currentConfig(engine, environmentId);
  if (options.expectedVersion !== null && options.expectedVersion !== base.version) throw conflict(base.version);
  const compile = await compilerOf(engine, environmentId);
  const { sandbox, budgetMaxima } = engine;
  const validation = await validateConfig({ compile, sandbox, budgetMaxima }, document);
  if (!validation.ok) {
    throw new ScripError("config_invalid", `The configuration has ${count(validation.issues.length, "problem")}`, {
      issues: validation.issues,
    });
  }
  const after = toJson(validation.config);
  const changes = difference(toJson(base.config), after);
  const same = isDeepStrictEqual(toJson(base.config), after);
  if (options.dryRun || same) {
    return { version: base.version, changed: !same, dryRun: options.dryRun, difference: changes };
  }
  const version = await engine.storage.write(async (tx) => {
    const [current] = await tx.select().from(environments).where(eq(environments.id, environmentId));
    // what was shown as the difference must be what is applied
    if (current?.configVersion !== base.version) throw conflict(current?.configVersion ?? 0);
    await assignIds(tx, environmentId, validation.config);
    await tx.insert(environmentVersions).values({
      environmentId,
      version: base.version + 1,
      document: after,
      workflows: toJson(validation.workflows),
      author: options.author,
      createdAt: engine.now(),
    });
    await tx
      .update(environments)
      .set({ configVersion: base.version + 1 })
      .where(eq(environments.id, environmentId));
    await bumpRevision(tx, environmentId);
    return base.version + 1;
  });
  await engine.environments.reload(environmentId);
  return { version, changed: true, dryRun: false, difference: changes };
}

/** The document in force, or at an earlier version. Throws `environment_not_found` or `version_not_found`. */
export async function currentConfig(engine: Engine, environmentId: string, version?: number) {
  const { db } = engine.storage;
  const [environment] = await db.select().from(environments).where(eq(environments.id, environmentId));
  if (environment === undefined) throw new ScripError("environment_not_found", `No environment ${environmentId}`);
  const wanted = version ?? environment.configVersion;
  const [row] = await db
    .select()
    .from(environmentVersions)
    .where(and(eq(environmentVersions.environmentId, environmentId), eq(environmentVersions.version, wanted)));
  if (row === undefined) throw new ScripError("version_not_found", `${environmentId} has no version ${wanted}`);
  return { version: row.version, config: v.parse(Config, row.document) };
}

/** The versions of an environment, newest first. */
export function listVersions(engine: Engine, environmentId: string) {
  const { version, author, createdAt } = environmentVersions;
  const rows = engine.storage.db.select({ version, author, createdAt }).from(environmentVersions);
  return rows.where(eq(environmentVersions.environmentId, environmentId)).orderBy(desc(version)).limit(200);
}

const kinds = [
  ["product", "prod", "products"],
  ["plan", "plan", "plans"],
  ["offer", "off", "offers"],
  ["experience", "exp", "experiences"],
  ["surface", "srf", "surfaces"],
  ["method", "rm", "redemptionMethods"],
] as const;

/** Gives an id to every slug that has none yet. An id that was given is never given again. */
async function assignIds(tx: Database, environmentId: string, config: Config): Promise<void> {
  const known = await tx.select().from(entityIds).where(eq(entityIds.environmentId, environmentId));
  const named = new Set(known.map(({ kind, slug }) => `${kind}:${slug}`));
  const taken = new Set(known.map(({ id }) => id));
  for (const [kind, prefix, section] of kinds) {
    for (const { slug } of config[section]) {
      if (named.has(`${kind}:${slug}`)) continue;
      const id = newId(prefix, taken);
      taken.add(id);
      await tx.insert(entityIds).values({ environmentId, kind, slug, id });
    }
  }
}

function newId(prefix: string, taken: Set<string>): string {
  const id = `${prefix}_${crypto.getRandomValues(new Uint8Array(4)).toHex()}`;
  return taken.has(id) ? newId(prefix, taken) : id;
}

function toJson(value: unknown): JsonObject {
  return v.parse(JsonObject, JSON.parse(JSON.stringify(value)));
}

function conflict(version: number): ScripError {
  return new ScripError("config_conflict", `The configuration is at version ${version} by now: pull it and try again`);
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}
