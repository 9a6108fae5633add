import { and, desc, eq, gt, inArray, isNull, lte, or, type SQL, sql } from "drizzle-orm";
import { entitlements, purchases } from "../schemas/sales-tables.ts";
import { findProducts, type Named, readCatalogue } from "./catalogue.ts";
import type { Engine } from "./engine.ts";
import { type EntitlementRow, isActiveAt } from "./entitlements.ts";
import type { Environment } from "./environments.ts";
import { ScripError } from "./error.ts";
import { nextTurn } from "./next-turn.ts";
import { numberOf, type Page, type PageWanted, pageOf } from "./page.ts";
import type { Storage } from "./storage.ts";

/** How an entitlement stands at this moment. */
export const entitlementStates = ["active", "upcoming", "ended", "revoked"] as const;
export type EntitlementState = (typeof entitlementStates)[number];

/** Why access is over: its time ran out, or what took it back. */
export const overBecause = ["time", "refund", "dispute", "subscription", "operator"] as const;

/** Since when access is over and why, with the operator's own words where one took it back. */
export type Over = { atMs: number; because: (typeof overBecause)[number]; reason: string | null };

/** An entitlement with all that made it and ended it, by their names. */
export type ExplainedEntitlement = EntitlementRow & {
  product: Named;
  plan: Named | null;
  offer: Named | null;
  purchase: { id: string; status: string; completedAt: number | null } | null;
  state: EntitlementState;
  over: Over | null;
};

/** Which entitlements: of a member or guest, to a product by its slug or id, active ones alone. */
export type EntitlementsFilter = { identifier?: string | undefined; product?: string | undefined; active: boolean };

/** Says of entitlements why somebody has them, or has them no more. */
export async function explainEntitlements(
  engine: Engine,
  environment: Environment,
  rows: readonly EntitlementRow[],
): Promise<ExplainedEntitlement[]> {
  const nowMs = engine.now();
  const ids = rows.flatMap(({ productId, planId, offerId }) => [productId, planId ?? [], offerId ?? []].flat());
  const catalogue = await readCatalogue(engine.storage, environment, ids);
  const bought = await readBought(engine.storage, rows);
  return rows.map((row) => ({
    ...row,
    product: catalogue(row.productId),
    plan: row.planId === null ? null : catalogue(row.planId),
    offer: row.offerId === null ? null : catalogue(row.offerId),
    purchase: bought.get(row.purchaseId ?? "") ?? null,
    state: stateOf(row, nowMs),
    over: overOf(row, nowMs),
  }));
}

/** The entitlements of an environment, newest first. Throws `product_not_found` for a product that never was. */
export async function listExplained(
  engine: Engine,
  environment: Environment,
  filter: EntitlementsFilter,
  page: PageWanted,
): Promise<Page<ExplainedEntitlement>> {
  const { identifier, product, active } = filter;
  const conditions = [
    product === undefined ? undefined : eq(entitlements.productId, await productOf(engine, environment, product)),
    active ? isActiveNow(engine.now()) : undefined,
  ];
  const { items, next } =
    identifier === undefined
      ? await scan(engine.storage, and(ofEnvironment(environment.id), ...conditions), page)
      : await readOf(engine.storage, and(usableBy(environment.id, identifier), ...conditions), page);
  return { items: await explainEntitlements(engine, environment, items), next };
}

/** One entitlement. Throws `entitlement_not_found`. */
export async function explainEntitlement(
  engine: Engine,
  environment: Environment,
  entitlementId: string,
): Promise<ExplainedEntitlement> {
  const own = and(eq(entitlements.id, entitlementId), eq(entitlements.environmentId, environment.id));
  const rows = await engine.storage.db.select().from(entitlements).where(own);
  const [explained] = await explainEntitlements(engine, environment, rows);
  if (explained === undefined) throw new ScripError("entitlement_not_found", `No entitlement ${entitlementId}`);
  return explained;
}

/** The id of a product that is or was in the configuration. Throws `product_not_found`. */
export async function productOf({ storage }: Engine, environment: Environment, called: string): Promise<string> {
  const id = (await findProducts(storage, environment, [called])).get(called);
  if (id === undefined) throw new ScripError("product_not_found", `There is no product "${called}"`);
  return id;
}

function stateOf(row: EntitlementRow, nowMs: number): EntitlementState {
  if (row.revokedAt !== null) return "revoked";
  if (isActiveAt(row, nowMs, nowMs)) return "active";
  return nowMs < row.startedAt ? "upcoming" : "ended";
}

function overOf(row: EntitlementRow, nowMs: number): Over | null {
  const { revokedAt, revokedBecause, revokedReason, endedAt } = row;
  if (revokedAt !== null) return { atMs: revokedAt, because: revokedBecause ?? "operator", reason: revokedReason };
  if (endedAt === null || stateOf(row, nowMs) !== "ended") return null;
  return { atMs: endedAt, because: "time", reason: null };
}

/** By the ids alone: with the environment as well the database would look through all of its purchases. */
async function readBought({ db }: Storage, rows: readonly EntitlementRow[]) {
  const { id, status, completedAt } = purchases;
  const wanted = [...new Set(rows.flatMap(({ purchaseId }) => purchaseId ?? []))];
  const read = db.select({ id, status, completedAt }).from(purchases).where(inArray(id, wanted));
  const found = wanted.length === 0 ? [] : await read;
  return new Map(found.map((row) => [row.id, row]));
}

/** What `isActiveAt` says of this moment, in the database's words. */
function isActiveNow(nowMs: number) {
  const { startedAt, endedAt, revokedAt } = entitlements;
  return and(isNull(revokedAt), lte(startedAt, nowMs), or(isNull(endedAt), gt(endedAt, nowMs)));
}

/** Each side names the environment, so that each finds its own index. */
function usableBy(environmentId: string, identifier: string) {
  const own = eq(entitlements.environmentId, environmentId);
  return or(and(own, eq(entitlements.identifier, identifier)), and(own, eq(entitlements.guest, identifier)));
}

/** The plus keeps the database from an index that would make it read and sort the whole environment. */
function ofEnvironment(environmentId: string) {
  return sql`+${entitlements.environmentId} = ${environmentId}`;
}

const number = numberOf(entitlements);

async function readOf({ db }: Storage, where: SQL | undefined, { cursor, limit }: PageWanted) {
  const older = cursor === null ? undefined : sql`${number} < ${cursor.row}`;
  const found = db.select({ row: number, item: entitlements }).from(entitlements).where(and(where, older));
  return pageOf(await found.orderBy(desc(number)).limit(limit + 1), limit);
}

/** So many rows are looked at in one go, a few milliseconds: a rare product among millions must not stop everybody else. */
const rowsAtOnce = 10_000;

async function scan({ db }: Storage, where: SQL | undefined, { cursor, limit }: PageWanted) {
  const [last] = await db.select({ row: number }).from(entitlements).orderBy(desc(number)).limit(1);
  const end = (last?.row ?? 0) + 1;
  const found: { row: number; item: EntitlementRow }[] = [];
  // a cursor is whatever somebody sends
  for (let until = Math.min(cursor?.row ?? end, end); until > 1 && found.length <= limit; until -= rowsAtOnce) {
    const here = sql`${number} < ${until} and ${number} >= ${until - rowsAtOnce}`;
    const some = db.select({ row: number, item: entitlements }).from(entitlements).where(and(here, where));
    found.push(...(await some.orderBy(desc(number)).limit(limit + 1 - found.length)));
    await nextTurn();
  }
  return pageOf(found, limit);
}
