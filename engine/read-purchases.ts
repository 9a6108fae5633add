import { and, desc, eq, inArray, ne, or, type SQL, sql } from "drizzle-orm";
import { entitlements, memberEvents, members, purchases } from "../schemas/sales-tables.ts";
import { type Named, readCatalogue } from "./catalogue.ts";
import type { Engine } from "./engine.ts";
import type { Environment } from "./environments.ts";
import { ScripError } from "./error.ts";
import { type ExplainedEntitlement, explainEntitlements } from "./explain-entitlements.ts";
import type { Member } from "./fulfilment/members.ts";
import type { Purchase } from "./fulfilment/settling.ts";
import { identityKey } from "./identity.ts";
import { numberOf, olderThan, type Page, type PageWanted, pageOf } from "./page.ts";
import type { Storage } from "./storage.ts";

/** What may have become of a purchase in a list: those that wait for their buyer are in none. */
export const listedStatuses = ["completed", "failed", "expired", "refunded", "disputed"] as const;
export type ListedStatus = (typeof listedStatuses)[number];

/** Which purchases. A purchase has a member from when it was paid on. */
export type PurchasesFilter = {
  status?: ListedStatus | undefined;
  identifier?: string | undefined;
  memberId?: string | undefined;
};

/** A purchase with what was sold and who paid, by their names. */
export type DescribedPurchase = Purchase & { offer: Named; plan: Named | null; member: Member | null };

/** The purchases of an environment that came to something, newest first. */
export async function listPurchases(
  engine: Engine,
  environment: Environment,
  filter: PurchasesFilter,
  { cursor, limit }: PageWanted,
): Promise<Page<DescribedPurchase>> {
  const { status, identifier, memberId } = filter;
  const row = numberOf(purchases);
  const who = [
    identifier === undefined ? undefined : eq(members.identifier, identifier),
    memberId === undefined ? undefined : eq(members.id, memberId),
  ].filter((one) => one !== undefined);
  const where = and(
    who.length === 0 ? eq(purchases.environmentId, environment.id) : paidBy(engine, environment.id, and(...who)),
    status === undefined ? ne(purchases.status, "pending") : eq(purchases.status, status),
    olderThan(purchases.createdAt, row, cursor),
  );
  const found = engine.storage.db.select({ row, item: purchases }).from(purchases).where(where);
  const rows = await found.orderBy(desc(purchases.createdAt), desc(row)).limit(limit + 1);
  const { items, next } = pageOf(rows, limit);
  return { items: await describePurchases(engine, environment, items), next };
}

/** A purchase as it is stored, by its id or its Checkout Session's. Throws `purchase_not_found`. */
export async function findPurchase({ storage }: Engine, environmentId: string, called: string): Promise<Purchase> {
  const named = or(eq(purchases.id, called), eq(purchases.sessionId, called));
  // the plus: each name has an index of its own, and all purchases of an environment are too many
  const own = sql`+${purchases.environmentId} = ${environmentId}`;
  const [purchase] = await storage.db.select().from(purchases).where(and(named, own));
  if (purchase === undefined) throw new ScripError("purchase_not_found", `No purchase ${called}`);
  return purchase;
}

/** Purchases that somebody began and did their part of, and whose money is on its way, newest first. */
export function readAwaitingPayment({ db }: Storage, environmentId: string, who: Parameters<typeof identityKey>[0]) {
  const { id, offerId, planId, createdAt } = purchases;
  // spelt as in its index, which a parameter in the place of the number would not find; the plus keeps the database from
  // going through all purchases by time
  const isAwaited = sql`${purchases.awaitingPayment} = 1`;
  const own = and(eq(purchases.environmentId, environmentId), eq(purchases.identityKey, identityKey(who)), isAwaited);
  return db.select({ id, offerId, planId, createdAt }).from(purchases).where(own).orderBy(sql`+${createdAt} desc`);
}

/** A purchase with everything that it granted, renewals too, newest first. */
export async function explainPurchase(
  engine: Engine,
  environment: Environment,
  purchase: Purchase,
): Promise<DescribedPurchase & { entitlements: ExplainedEntitlement[] }> {
  const own = and(eq(entitlements.environmentId, environment.id), eq(entitlements.purchaseId, purchase.id));
  const rows = engine.storage.db.select().from(entitlements).where(own);
  const granted = await rows.orderBy(desc(numberOf(entitlements)));
  const explained = await explainEntitlements(engine, environment, granted);
  const [described] = await describePurchases(engine, environment, [purchase]);
  if (described === undefined) throw new Error(`purchase ${purchase.id} was lost on its way`);
  return { ...described, entitlements: explained };
}

async function describePurchases(
  { storage }: Engine,
  environment: Environment,
  rows: readonly Purchase[],
): Promise<DescribedPurchase[]> {
  const ids = rows.flatMap(({ offerId, planId }) => [offerId, planId ?? []].flat());
  const catalogue = await readCatalogue(storage, environment, ids);
  const payers = [...new Set(rows.flatMap(({ memberId }) => memberId ?? []))];
  const known = payers.length === 0 ? [] : await storage.db.select().from(members).where(inArray(members.id, payers));
  const memberOf = new Map(known.map((member) => [member.id, member]));
  return rows.map((row) => ({
    ...row,
    offer: catalogue(row.offerId),
    plan: row.planId === null ? null : catalogue(row.planId),
    member: memberOf.get(row.memberId ?? "") ?? null,
  }));
}

/**
 * What a member has paid for: the history has it by member, each purchase once. Each plus keeps the database from an index
 * of everybody's.
 */
function paidBy({ storage }: Engine, environmentId: string, who: SQL | undefined) {
  const { db } = storage;
  const whose = db
    .select({ id: members.id })
    .from(members)
    .where(and(eq(members.environmentId, environmentId), who));
  const paid = and(
    eq(memberEvents.environmentId, environmentId),
    inArray(memberEvents.memberId, whose),
    sql`+${memberEvents.type} = 'purchase'`,
  );
  const ids = db.select({ id: memberEvents.subject }).from(memberEvents).where(paid);
  return and(sql`+${purchases.environmentId} = ${environmentId}`, inArray(purchases.id, ids));
}
