import { and, eq, isNotNull, isNull, or, sql } from "drizzle-orm";
import { entitlements, payments, purchases } from "../../schemas/sales-tables.ts";
import type { Environment } from "../environments.ts";
import type { Database } from "../storage.ts";
import type { Entitlement } from "./grants.ts";
import { remember } from "./history.ts";
import { announce } from "./messages.ts";

/** A payment of an account, by its PaymentIntent. */
export type PaymentKey = { environmentId: string; accountId: string; paymentIntentId: string };

/** What became of a payment after it was made. */
export type PaymentState = { refunded: boolean; disputed: boolean };

/** What is remembered of a payment, and the revision of that; null where nobody complained. */
export async function paymentState(tx: Database, key: PaymentKey): Promise<(PaymentState & { since: number }) | null> {
  const [row] = await tx.select().from(payments).where(byKey(key));
  if (row === undefined) return null;
  return { refunded: row.refundedAt !== null, disputed: row.disputedAt !== null, since: row.revision };
}

/**
 * Records what became of a payment, and takes access back or gives it back: a refund is for good, a dispute until it is
 * won. The purchase may not be known yet: it meets the record when it is. The same again changes nothing. `since` is the
 * record's revision before Stripe was asked; false when it is another by now, and nothing was written.
 */
export async function settlePayment(
  tx: Database,
  environment: Environment,
  key: PaymentKey,
  state: PaymentState & { since: number },
  nowMs: number,
): Promise<boolean> {
  const known = await recordState(tx, key, state, nowMs);
  if (known === null) return false;
  const blocked = blockOf(known);
  const status = blocked === null ? "completed" : ({ refund: "refunded", dispute: "disputed" } as const)[blocked];
  const [purchase] = await tx
    .update(purchases)
    .set({ status })
    .where(
      and(
        eq(purchases.environmentId, key.environmentId),
        eq(purchases.accountId, key.accountId),
        eq(purchases.paymentIntentId, key.paymentIntentId),
        isNotNull(purchases.completedAt),
        sql`${purchases.status} is not ${status}`,
      ),
    )
    .returning();
  const changed = blocked === null ? await giveBack(tx, key) : await takeBack(tx, key, blocked, nowMs);
  const memberId = purchase?.memberId ?? changed[0]?.memberId ?? null;
  if (memberId === null) return true;
  const type = blocked === null ? ("dispute-won" as const) : blocked;
  const data = {
    purchaseId: purchase?.id ?? changed[0]?.purchaseId ?? null,
    entitlements: changed.map(({ id }) => id),
  };
  const event = { environmentId: key.environmentId, memberId, type, subject: key.paymentIntentId, data };
  await remember(tx, [event], nowMs);
  await announce(tx, environment, { purchase: purchase ?? null, memberId, changed, cause: type, nowMs });
  return true;
}

async function recordState(
  tx: Database,
  key: PaymentKey,
  { refunded, disputed, since }: PaymentState & { since: number },
  nowMs: number,
): Promise<PaymentState | null> {
  const refundedAt = refunded ? nowMs : null;
  const disputedAt = disputed ? nowMs : null;
  const [row] = await tx
    .insert(payments)
    .values({ ...key, refundedAt, disputedAt, revision: 1, updatedAt: nowMs })
    .onConflictDoUpdate({
      target: [payments.environmentId, payments.accountId, payments.paymentIntentId],
      set: {
        // money that went back does not come again
        refundedAt: sql`coalesce(${payments.refundedAt}, ${refundedAt})`,
        disputedAt: disputed ? sql`coalesce(${payments.disputedAt}, ${nowMs})` : null,
        revision: since + 1,
        updatedAt: nowMs,
      },
      setWhere: eq(payments.revision, since),
    })
    .returning();
  return row === undefined ? null : { refunded: row.refundedAt !== null, disputed: row.disputedAt !== null };
}

function blockOf({ refunded, disputed }: PaymentState): "refund" | "dispute" | null {
  if (refunded) return "refund";
  return disputed ? "dispute" : null;
}

/** Only where the plan said so. A refund after a dispute makes it final. */
async function takeBack(
  tx: Database,
  key: PaymentKey,
  because: "refund" | "dispute",
  nowMs: number,
): Promise<Entitlement[]> {
  const revocable = sql`exists (select 1 from ${purchases} where ${purchases.id} = ${entitlements.purchaseId}
    and ${purchases.accountId} = ${key.accountId} and ${purchases.onRefund} is not 'keep')`;
  const revoked = await tx
    .update(entitlements)
    .set({ revokedAt: nowMs, revokedBecause: because })
    .where(and(byPayment(key), isNull(entitlements.revokedAt), revocable))
    .returning();
  if (because === "refund") {
    const disputed = and(byPayment(key), eq(entitlements.revokedBecause, "dispute"));
    await tx.update(entitlements).set({ revokedBecause: "refund" }).where(disputed);
  }
  return revoked;
}

async function giveBack(tx: Database, key: PaymentKey): Promise<Entitlement[]> {
  return tx
    .update(entitlements)
    .set({ revokedAt: null, revokedBecause: null })
    .where(and(byPayment(key), eq(entitlements.revokedBecause, "dispute")))
    .returning();
}

/**
 * What a renewal granted names its payment; what the purchase itself granted was paid for by the purchase's. What came later
 * and names none was not: a bridge to a renewal, or one that was paid for from the customer's balance.
 */
function byPayment({ environmentId, accountId, paymentIntentId }: PaymentKey) {
  const own = eq(entitlements.environmentId, environmentId);
  const bought = sql`${entitlements.purchaseId} in (select ${purchases.id} from ${purchases}
    where ${purchases.paymentIntentId} = ${paymentIntentId} and ${purchases.accountId} = ${accountId})`;
  return or(
    and(own, eq(entitlements.paymentIntentId, paymentIntentId)),
    and(own, bought, eq(entitlements.cause, sql`'purchase:' || ${entitlements.purchaseId}`)),
  );
}

function byKey({ environmentId, accountId, paymentIntentId }: PaymentKey) {
  return and(
    eq(payments.environmentId, environmentId),
    eq(payments.accountId, accountId),
    eq(payments.paymentIntentId, paymentIntentId),
  );
}
