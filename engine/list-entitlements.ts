import { and, eq, inArray } from "drizzle-orm";
import type { EntitlementsAnswer } from "../schemas/sales.ts";
import { purchases } from "../schemas/sales-tables.ts";
import { readCatalogue } from "./catalogue.ts";
import type { Engine } from "./engine.ts";
import { type EntitlementRow, isActiveAt, readEntitlements, showEntitlement } from "./entitlements.ts";
import type { Environment } from "./environments.ts";

/** What a list of entitlements may have beside the active ones and their products. */
export const entitlementIncludes = ["inactive", "plan", "offer", "purchase"] as const;

/** One of `entitlementIncludes`. */
export type EntitlementInclude = (typeof entitlementIncludes)[number];

/** Whose entitlements, and with what. */
export type EntitlementsWanted = { identifier: string; include: ReadonlySet<EntitlementInclude> };

/** The entitlements that somebody has now, newest first; with `inactive` those that are over or to come as well. */
export async function listEntitlements(
  engine: Engine,
  environment: Environment,
  { identifier, include }: EntitlementsWanted,
): Promise<EntitlementsAnswer> {
  const all = await readEntitlements(engine.storage, environment.id, identifier);
  const nowMs = engine.now();
  const rows = include.has("inactive") ? all : all.filter((row) => isActiveAt(row, nowMs, nowMs));
  const ids = rows.flatMap(({ productId, planId, offerId }) => [productId, planId ?? [], offerId ?? []].flat());
  const catalogue = await readCatalogue(engine.storage, environment, ids);
  const named = (id: string | null) => (id === null ? null : catalogue(id));
  const bought = include.has("purchase") ? await readPurchases(engine, environment, rows) : new Map<string, Shown>();
  const shown = rows.map((row) => ({
    ...showEntitlement(row, catalogue, nowMs, nowMs),
    ...(include.has("inactive") ? { revoked_at: isoTime(row.revokedAt) } : {}),
    ...(include.has("plan") ? { plan: named(row.planId) } : {}),
    ...(include.has("offer") ? { offer: named(row.offerId) } : {}),
    ...(include.has("purchase") ? { purchase: bought.get(row.purchaseId ?? "") ?? null } : {}),
  }));
  return { status: "success", identifier, entitlements: shown };
}

type Shown = { id: string; status: string; completed_at: string | null };

async function readPurchases(
  { storage }: Engine,
  environment: Environment,
  rows: EntitlementRow[],
): Promise<Map<string, Shown>> {
  const { id, status, completedAt } = purchases;
  const wanted = [...new Set(rows.flatMap(({ purchaseId }) => purchaseId ?? []))];
  const found = await storage.db
    .select({ id, status, completedAt })
    .from(purchases)
    .where(and(eq(purchases.environmentId, environment.id), inArray(id, wanted)));
  return new Map(
    found.map((row) => [row.id, { id: row.id, status: row.status, completed_at: isoTime(row.completedAt) }]),
  );
}

function isoTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
