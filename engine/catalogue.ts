import { and, eq, inArray, sql } from "drizzle-orm";
import { entityIds, environmentVersions } from "../schemas/tables.ts";
import type { CompiledConfig } from "./config/compiled.ts";
import type { Environment } from "./environments.ts";
import type { Storage } from "./storage.ts";

/** A product, plan or offer by its names. */
export type Named = { id: string; slug: string; name: string };

/** Names by id. An id that no configuration ever knew is its own slug and name. */
export type Catalogue = (id: string) => Named;

/**
 * The names of products, plans and offers: from the configuration in force, and for those that are no longer in it from
 * the newest version that knew them. Asks the database only about these, once for each version in force.
 */
export async function readCatalogue(storage: Storage, environment: Environment, ids: string[]): Promise<Catalogue> {
  const names = new Map(namesIn(environment.compiled));
  const missing = [...new Set(ids)].filter((id) => !names.has(id));
  if (missing.length > 0) {
    for (const { id, slug, name } of await readFormer(storage, environment.id, missing)) {
      names.set(id, { id, slug, name: name ?? slug });
    }
  }
  return (id) => names.get(id) ?? { id, slug: id, name: id };
}

/**
 * The ids of products by what a caller calls them, a slug or an id; what it does not find was never a product here. A
 * product that is no longer in the configuration is found, because somebody may hold it.
 */
export async function findProducts(
  storage: Storage,
  environment: Environment,
  called: string[],
): Promise<Map<string, string>> {
  const { productIds } = environment.compiled;
  const ids = new Set(productIds.values());
  const idOf = (name: string) => productIds.get(name) ?? (ids.has(name) ? name : undefined);
  const unknown = called.filter((name) => idOf(name) === undefined);
  const former = unknown.length === 0 ? [] : await readProductIds(storage, environment.id, unknown);
  const formerId = (name: string) =>
    (former.find(({ slug }) => slug === name) ?? former.find(({ id }) => id === name))?.id;
  return new Map(
    called.flatMap((name) => {
      const id = idOf(name) ?? formerId(name);
      return id === undefined ? [] : [[name, id] as const];
    }),
  );
}

/** What is gone from a configuration stays what it was for as long as that configuration is in force. */
const known = new WeakMap<CompiledConfig, Map<string, Named>>();

/** The names of everything that a configuration has, by id. */
export function namesIn(compiled: CompiledConfig): ReadonlyMap<string, Named> {
  const found = known.get(compiled);
  if (found !== undefined) return found;
  const { config, productIds, planIds, offers } = compiled;
  const named = (ids: Map<string, string>, items: { slug: string; name: string }[]) =>
    items.flatMap(({ slug, name }) => {
      const id = ids.get(slug);
      return id === undefined ? [] : [{ id, slug, name }];
    });
  const all = [
    ...named(productIds, config.products),
    ...named(planIds, config.plans),
    ...[...offers.values()].map(({ id, offer: { slug, name } }) => ({ id, slug, name })),
  ];
  const names = new Map(all.map((one) => [one.id, one]));
  known.set(compiled, names);
  return names;
}

/** Versions are looked through from the newest back, only as far as the first that has the slug. */
function readFormer({ db }: Storage, environmentId: string, ids: string[]) {
  const { id, slug, kind } = entityIds;
  const name = sql<string | null>`(
    select item.value ->> 'name'
    from ${environmentVersions} as version, json_each(version.document, '$.' || ${kind} || 's') as item
    where version.environment_id = ${environmentId} and item.value ->> 'slug' = ${slug}
    order by version.version desc limit 1)`;
  return db
    .select({ id, slug, name })
    .from(entityIds)
    .where(
      and(eq(entityIds.environmentId, environmentId), inArray(id, ids), inArray(kind, ["product", "plan", "offer"])),
    );
}

function readProductIds({ db }: Storage, environmentId: string, called: string[]) {
  const { id, slug, kind } = entityIds;
  const own = and(eq(entityIds.environmentId, environmentId), eq(kind, "product"));
  return db
    .select({ id, slug })
    .from(entityIds)
    .where(and(own, sql`(${inArray(slug, called)} or ${inArray(id, called)})`));
}
