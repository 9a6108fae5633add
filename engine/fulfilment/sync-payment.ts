import { and, eq, or } from "drizzle-orm";
import * as v from "valibot";
import { entitlements, payments, purchases } from "../../schemas/sales-tables.ts";
import type { Engine } from "../engine.ts";
import type { Environment } from "../environments.ts";
import { ScripError } from "../error.ts";
import { fulfill } from "../fulfill.ts";
import { settlePayment } from "./payment.ts";
import { isMissing, readPayment, readStripe, understood } from "./session-truth.ts";
import { recordEvents } from "./settle-sessions.ts";
import type { StripeEventRef } from "./settling.ts";

/** A payment to ask about, and the event of Stripe that tells of it, if one did. */
export type PaymentNews = { accountId: string; paymentIntentId: string; event?: StripeEventRef };

const mostTries = 5;

/**
 * A refund, a dispute, or the end of one: asks Stripe what became of the payment, records it, and takes back or gives
 * back what it bought. Before the purchase is completed too: the record waits for it. Nothing for a payment that neither
 * Stripe nor we know.
 */
export async function syncPayment(engine: Engine, environment: Environment, news: PaymentNews): Promise<void> {
  const { accountId, paymentIntentId, event } = news;
  const key = { environmentId: environment.id, accountId, paymentIntentId };
  for (let tries = 0; ; tries++) {
    const before = await revisionOf(engine, news, environment.id);
    const state = await readPayment(engine, environment, accountId, paymentIntentId).catch(async (error: unknown) => {
      if (!isMissing(error) || (await isPaidWith(engine, news, environment.id))) throw error;
      return null;
    });
    if (state === null) {
      const told = event === undefined ? [] : [event];
      await engine.storage.write((tx) => recordEvents(tx, environment.id, accountId, told, engine.now()));
      return;
    }
    const nowMs = engine.now();
    const settled = await engine.storage.write(async (tx) => {
      const kept = await settlePayment(tx, environment, key, { ...state, since: before }, nowMs);
      if (kept) await recordEvents(tx, environment.id, accountId, event === undefined ? [] : [event], nowMs);
      return kept;
    });
    if (settled) break;
    // somebody has written a newer answer of Stripe's meanwhile: ours may be the older one
    if (tries === mostTries) {
      throw new ScripError("stripe_unreachable", "A payment keeps changing: try again", { retryAfterSeconds: 5 });
    }
  }
  engine.webhookBell.ring();
  await fulfillPending(engine, environment, news);
}

async function revisionOf(engine: Engine, news: PaymentNews, environmentId: string): Promise<number> {
  const [row] = await engine.storage.db
    .select({ revision: payments.revision })
    .from(payments)
    .where(
      and(
        eq(payments.environmentId, environmentId),
        eq(payments.accountId, news.accountId),
        eq(payments.paymentIntentId, news.paymentIntentId),
      ),
    );
  return row?.revision ?? 0;
}

/** Whether anything of ours was paid for with it: then that Stripe does not know it is a wrong key, and no answer. */
async function isPaidWith({ storage }: Engine, news: PaymentNews, environmentId: string): Promise<boolean> {
  const rows = await storage.db
    .select({ id: purchases.id })
    .from(purchases)
    .leftJoin(entitlements, eq(entitlements.purchaseId, purchases.id))
    .where(
      and(
        eq(purchases.environmentId, environmentId),
        eq(purchases.accountId, news.accountId),
        or(eq(purchases.paymentIntentId, news.paymentIntentId), eq(entitlements.paymentIntentId, news.paymentIntentId)),
      ),
    )
    .limit(1);
  return rows.length > 0;
}

const Sessions = v.object({ data: v.array(v.object({ id: v.string() })) });

/** The session of a payment may not have been heard of yet. */
async function fulfillPending(engine: Engine, environment: Environment, news: PaymentNews): Promise<void> {
  const { accountId, paymentIntentId } = news;
  const query = { payment_intent: paymentIntentId };
  const answer = await readStripe(engine, environment, accountId, "/v1/checkout/sessions", query);
  for (const { id } of understood(Sessions, answer).data) {
    await fulfill(engine, environment, { accountId, sessionId: id });
  }
}
