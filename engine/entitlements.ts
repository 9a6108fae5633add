import { and, eq } from "drizzle-orm";
import { entitlements } from "../schemas/sales-tables.ts";
import type { Storage } from "./storage.ts";

/** What an identity holds at one moment: ids of products and of the plans that gave them. */
export type Holdings = { known: boolean; products: Set<string>; plans: Set<string> };

/** Nothing held, nothing ever held. */
export const noHoldings: Holdings = { known: false, products: new Set(), plans: new Set() };

/** Reads what is active at `nowMs`: started, not ended, not revoked. `known` says whether there ever was anything. */
export async function readHoldings(
  storage: Storage,
  environmentId: string,
  identifier: string,
  nowMs: number,
): Promise<Holdings> {
  const rows = await storage.db
    .select()
    .from(entitlements)
    .where(and(eq(entitlements.environmentId, environmentId), eq(entitlements.identifier, identifier)));
  if (rows.length === 0) return noHoldings;
  const active = rows.filter(
    (row) => row.revokedAt === null && row.startedAt <= nowMs && (row.endedAt === null || row.endedAt > nowMs),
  );
  return {
    known: true,
    products: new Set(active.map((row) => row.productId)),
    plans: new Set(active.flatMap(({ planId }) => (planId === null ? [] : [planId]))),
  };
}
