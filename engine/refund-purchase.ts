import { and, eq, sql } from "drizzle-orm";
import Stripe from "stripe";
import { memberEvents } from "../schemas/sales-tables.ts";
import type { Engine } from "./engine.ts";
import type { Environment } from "./environments.ts";
import { ScripError } from "./error.ts";
import { fulfill } from "./fulfill.ts";
import type { Purchase } from "./fulfilment/settling.ts";
import { syncPayment } from "./fulfilment/sync-payment.ts";
import { findPurchase } from "./read-purchases.ts";

/** A refund that an operator wishes: the purchase by its id or its session's, and why. `by` is the operator. */
export type RefundWish = { purchaseId: string; reason: string | null; by: string };

/**
 * Gives the whole payment of a purchase back at Stripe and takes back at once what the plan says, without waiting for the
 * webhook. Stripe gives a payment back once, however many ask at the same time. Throws `purchase_not_found`,
 * `purchase_not_refundable`, `account_not_found`, and `stripe_unreachable` where it should be called again: that
 * finishes what was begun.
 */
export async function refundPurchase(
  engine: Engine,
  environment: Environment,
  { purchaseId, reason, by }: RefundWish,
): Promise<Purchase> {
  const purchase = await findPurchase(engine, environment.id, purchaseId);
  const { id, accountId } = purchase;
  const paymentIntentId = paymentToRefund(purchase);
  const refusal = await refundAtStripe(engine, environment, purchase, paymentIntentId);
  // also after a refusal: Stripe knows something about this payment that we do not
  await syncPayment(engine, environment, { accountId, paymentIntentId }).catch(async (error: unknown) => {
    // many at once overtake each other: whoever finds it done has nothing to do
    if ((await findPurchase(engine, environment.id, id)).status !== "refunded") throw error;
  });
  if (refusal !== null) {
    throw new ScripError("purchase_not_refundable", `Stripe does not give the purchase ${id} back: ${refusal}`);
  }
  await nameOperator(engine, environment.id, paymentIntentId, { reason, by });
  return findPurchase(engine, environment.id, id);
}

/**
 * Asks Stripe how a purchase stands, whatever is known of it, and makes that so. Throws `purchase_not_found`, also for a
 * session that Stripe does not know, `account_not_found` or `stripe_unreachable`.
 */
export async function syncPurchase(engine: Engine, environment: Environment, called: string): Promise<Purchase> {
  const { id, accountId, sessionId } = await findPurchase(engine, environment.id, called);
  try {
    await fulfill(engine, environment, { accountId, sessionId, again: true });
    const { completedAt, paymentIntentId } = await findPurchase(engine, environment.id, id);
    // a session does not tell how a dispute ended: its payment does
    if (completedAt !== null && paymentIntentId !== null) {
      await syncPayment(engine, environment, { accountId, paymentIntentId });
    }
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeInvalidRequestError)) throw error;
    throw new ScripError("purchase_not_found", `Stripe does not know the purchase ${id}: ${error.message}`);
  }
  return findPurchase(engine, environment.id, id);
}

function paymentToRefund({ id, status, paymentIntentId }: Purchase): string {
  const why = {
    pending: "it was not paid, as far as is known here",
    failed: "its payment failed",
    expired: "it was not paid in time",
    refunded: "it was given back already",
    disputed: "the buyer's bank disputes it",
    completed: paymentIntentId === null ? "no money was taken for it" : null,
  }[status];
  if (why === null && paymentIntentId !== null) return paymentIntentId;
  throw new ScripError("purchase_not_refundable", `The purchase ${id} cannot be refunded: ${why}`);
}

const hourMs = 3_600_000;

/** Null when Stripe gives the money back, or Stripe's reason not to. */
async function refundAtStripe(
  engine: Engine,
  environment: Environment,
  { id, accountId }: Purchase,
  paymentIntentId: string,
): Promise<string | null> {
  const secretKey = environment.stripeAccounts.get(accountId);
  if (secretKey === undefined) {
    throw new ScripError("account_not_found", `${environment.id} has no Stripe account ${accountId}: connect it`);
  }
  // Stripe keeps a refusal under its key for a day, and what it refuses now (no balance) it may grant later; that a
  // payment is not given back twice does not hang on the key
  const idempotencyKey = `scrip-refund-${id}-${Math.floor(engine.now() / hourMs)}`;
  // the same for everybody who asks: a key goes with one form of the request
  const metadata = { scrip_environment: environment.id, scrip_purchase: id };
  try {
    await engine.stripe(secretKey).refunds.create({ payment_intent: paymentIntentId, metadata }, { idempotencyKey });
    return null;
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeError)) throw error;
    const { StripeInvalidRequestError, StripePermissionError } = Stripe.errors;
    const isRefusal = error instanceof StripeInvalidRequestError || error instanceof StripePermissionError;
    // 409: the same request is under way
    if (isRefusal && error.statusCode !== 409) return error.message;
    throw new ScripError("stripe_unreachable", "Stripe does not say whether it gives the payment back: try again", {
      retryAfterSeconds: 5,
      cause: error,
    });
  }
}

/** The history's event may have been written by Stripe's webhook, which does not know who asked. The first one is named. */
async function nameOperator(
  { storage }: Engine,
  environmentId: string,
  paymentIntentId: string,
  named: { reason: string | null; by: string },
): Promise<void> {
  const own = and(
    eq(memberEvents.environmentId, environmentId),
    eq(memberEvents.type, "refund"),
    eq(memberEvents.subject, paymentIntentId),
    sql`${memberEvents.data} ->> 'by' is null`,
  );
  // json_set and not json_patch, for which null means to leave out
  const data = sql`json_set(${memberEvents.data}, '$.reason', ${named.reason}, '$.by', ${named.by})`;
  await storage.writeOne((tx) => tx.update(memberEvents).set({ data }).where(own));
}
