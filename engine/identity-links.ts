import { and, asc, eq, isNotNull, sql } from "drizzle-orm";
import { entitlements } from "../schemas/sales-tables.ts";
import type { Storage } from "./storage.ts";

/** A guest whose purchase belongs to a member: the browser that bought, and whom Stripe's e-mail named. */
export type IdentityLink = { source: string; target: string; linkedAtMs: number };

/** So many links are told of one identity. */
const mostLinks = 100;

/** The guests that bought for a member, oldest first (MonetizationOS: sources of a target). */
export function linkedSources(storage: Storage, environmentId: string, identifier: string): Promise<IdentityLink[]> {
  return links(storage, and(eq(entitlements.environmentId, environmentId), eq(entitlements.identifier, identifier)));
}

/** The members that a guest bought for, oldest first (MonetizationOS: targets of a source). */
export function linkedTargets(storage: Storage, environmentId: string, guest: string): Promise<IdentityLink[]> {
  return links(storage, and(eq(entitlements.environmentId, environmentId), eq(entitlements.guest, guest)));
}

async function links({ db }: Storage, where: ReturnType<typeof and>): Promise<IdentityLink[]> {
  const { guest, identifier, createdAt } = entitlements;
  const linkedAtMs = sql<number>`min(${createdAt})`.as("linked_at");
  const rows = await db
    .select({ source: guest, target: identifier, linkedAtMs })
    .from(entitlements)
    .where(and(where, isNotNull(guest)))
    .groupBy(guest, identifier)
    .orderBy(asc(linkedAtMs))
    .limit(mostLinks);
  return rows.flatMap(({ source, ...rest }) => (source === null ? [] : [{ source, ...rest }]));
}
