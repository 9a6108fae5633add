import { and, desc, eq, or, sql } from "drizzle-orm";
import type { EntitlementShown } from "../schemas/sales.ts";
import { entitlements } from "../schemas/sales-tables.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Storage } from "./storage.ts";

/** An entitlement as it is stored. */
export type EntitlementRow = typeof entitlements.$inferSelect;

/** What decides whether an entitlement is active. */
export type EntitlementTimes = Pick<EntitlementRow, "startedAt" | "endedAt" | "revokedAt">;

/** What an identity holds at one moment: ids of products and of the plans that gave them. */
export type Holdings = { known: boolean; products: Set<string>; plans: Set<string> };

/** Nothing held, nothing ever held. */
export const noHoldings: Holdings = { known: false, products: new Set(), plans: new Set() };

/**
 * Whether an entitlement is active at `atMs`, as of `nowMs`: from its start on, before its end, and not revoked. A revoked
 * one was active in the past until its revocation, and is active at no moment from now on. The one place that judges.
 */
export function isActiveAt({ startedAt, endedAt, revokedAt }: EntitlementTimes, atMs: number, nowMs: number): boolean {
  if (atMs < startedAt || (endedAt !== null && atMs >= endedAt)) return false;
  // a revocation by a process whose clock is ahead counts already
  return revokedAt === null || (atMs < revokedAt && atMs < nowMs);
}

/** Reads what is active at `nowMs`. `known` says whether there ever was anything. */
export async function readHoldings(
  storage: Storage,
  environmentId: string,
  identifier: string,
  nowMs: number,
): Promise<Holdings> {
  const { productId, planId, startedAt, endedAt, revokedAt } = entitlements;
  const rows = await storage.db
    .select({ productId, planId, startedAt, endedAt, revokedAt })
    .from(entitlements)
    .where(usableBy(environmentId, identifier));
  if (rows.length === 0) return noHoldings;
  const active = rows.filter((row) => isActiveAt(row, nowMs, nowMs));
  return {
    known: true,
    products: new Set(active.map((row) => row.productId)),
    plans: new Set(active.flatMap((row) => (row.planId === null ? [] : [row.planId]))),
  };
}

/** Every entitlement that somebody may use or could, newest first: a member's by the identifier, a guest's by the session. */
export async function readEntitlements(
  storage: Storage,
  environmentId: string,
  identifier: string,
): Promise<EntitlementRow[]> {
  return storage.db
    .select()
    .from(entitlements)
    .where(usableBy(environmentId, identifier))
    .orderBy(desc(entitlements.createdAt), sql`rowid desc`);
}

/** An entitlement as pages and sites see it; `is_active` is judged for `atMs`, as of `nowMs`. */
export function showEntitlement(
  row: EntitlementRow,
  catalogue: Catalogue,
  atMs: number,
  nowMs: number,
): EntitlementShown {
  return {
    id: row.id,
    resource: catalogue(row.productId),
    started_at: new Date(row.startedAt).toISOString(),
    ended_at: row.endedAt === null ? null : new Date(row.endedAt).toISOString(),
    is_active: isActiveAt(row, atMs, nowMs),
  };
}

/** Each side names the environment, so that each finds its own index. */
function usableBy(environmentId: string, identifier: string) {
  const own = eq(entitlements.environmentId, environmentId);
  return or(and(own, eq(entitlements.identifier, identifier)), and(own, eq(entitlements.guest, identifier)));
}
