import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createClient } from "@libsql/client";
import { drizzle } from "drizzle-orm/libsql";
import type { Stripe } from "stripe";
import { entitlements, memberEvents, members, purchases } from "../../schemas/sales-tables.ts";
import { productsOf } from "./shop.ts";

/** What Stripe has, and for each session the slug of its plan. */
export type StripeSide = {
  sessions: readonly Stripe.Checkout.Session[];
  /** Payments whose money is not with the seller any more. */
  lost: ReadonlySet<string>;
  plans: ReadonlyMap<string, string>;
};

/** What was found afterwards. Every list of sessions must be empty. */
export type Verdict = {
  counts: { sessions: number; paid: number; lost: number; unpaid: number; unheard: number; entitlements: number };
  /** Paid at Stripe, and not with exactly its entitlements here. */
  withoutAccess: string[];
  /** Not paid, refunded or disputed, and with access all the same. */
  withUnpaidAccess: string[];
  /** More than one purchase, entitlement of a product or event of history for one session. */
  doubled: string[];
  pending: string[];
};

/** Compares what Stripe says was paid with what a database says was granted. The server must have ended. */
export async function judge(dataDir: string, { sessions, lost, plans }: StripeSide): Promise<Verdict> {
  const client = createClient({ url: pathToFileURL(join(dataDir, "scrip.db")).href });
  const db = drizzle(client);
  const rows = await db.select().from(purchases);
  const granted = await db.select().from(entitlements);
  const history = await db.select().from(memberEvents);
  const people = await db.select().from(members);
  client.close();
  const bySession = group(rows, (row) => row.sessionId);
  const byPurchase = group(granted, (row) => row.purchaseId ?? "");
  const told = group(
    history.filter(({ type }) => type === "purchase"),
    (event) => event.subject,
  );
  const verdict: Verdict = {
    counts: { sessions: sessions.length, paid: 0, lost: 0, unpaid: 0, unheard: 0, entitlements: granted.length },
    withoutAccess: [],
    withUnpaidAccess: [],
    doubled: [],
    pending: rows.filter(({ status }) => status === "pending").map(({ sessionId }) => sessionId),
  };
  for (const session of sessions) {
    const own = bySession.get(session.id) ?? [];
    const grants = own.flatMap(({ id }) => byPurchase.get(id) ?? []);
    const active = grants.filter(({ revokedAt }) => revokedAt === null);
    const events = own.flatMap(({ id }) => told.get(id) ?? []);
    const isPaid = session.status === "complete" && session.payment_status !== "unpaid";
    const isLost = lost.has(String(session.payment_intent));
    const due = productsOf[plans.get(session.id) ?? ""] ?? 0;
    const products = new Set(grants.map(({ productId }) => productId));
    if (own.length > 1 || products.size !== grants.length || events.length > 1) verdict.doubled.push(session.id);
    const unpaid = own.length === 0 ? ("unheard" as const) : ("unpaid" as const);
    const paid = isLost ? ("lost" as const) : ("paid" as const);
    verdict.counts[isPaid ? paid : unpaid] += 1;
    if (isPaid && (grants.length !== due || events.length !== 1)) verdict.withoutAccess.push(session.id);
    else if (isPaid && !isLost && active.length !== due) verdict.withoutAccess.push(session.id);
    if ((!isPaid || isLost) && active.length > 0) verdict.withUnpaidAccess.push(session.id);
  }
  const known = new Set(people.map(({ id }) => id));
  const orphans = granted.filter(({ memberId }) => !known.has(memberId ?? ""));
  verdict.withoutAccess.push(...orphans.map(({ id }) => `${id} has no member`));
  return verdict;
}

function group<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const own = groups.get(key);
    if (own === undefined) groups.set(key, [item]);
    else own.push(item);
  }
  return groups;
}
