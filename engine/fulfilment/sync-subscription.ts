import { and, eq } from "drizzle-orm";
import * as v from "valibot";
import { purchases } from "../../schemas/sales-tables.ts";
import type { Engine } from "../engine.ts";
import type { Environment } from "../environments.ts";
import { ScripError } from "../error.ts";
import { fulfill } from "../fulfill.ts";
import { soldPlan } from "./grants.ts";
import { InvoicePayments, payingIntent, readStripe, Trial, trialEnd, understood } from "./session-truth.ts";
import { recordEvents } from "./settle-sessions.ts";
import { type Invoice, type Subscription, settleSubscription } from "./settle-subscription.ts";
import type { Purchase, StripeEventRef } from "./settling.ts";

/** A subscription that an event of Stripe is about, and the invoice, where one was paid. */
export type SubscriptionNews = {
  accountId: string;
  subscriptionId: string;
  invoiceId: string | null;
  event: StripeEventRef;
};

const mostTries = 5;

/**
 * A renewal, the end of a subscription, or any other change of one: asks Stripe how it stands, and extends or ends what
 * its purchase gave. Nothing for a subscription that is not ours. Events come together and overtake each other, and
 * Stripe's answer may be older than what another event has led to: it is asked until there is nothing to take or give
 * back, and only then is the event handled.
 */
export async function syncSubscription(
  engine: Engine,
  environment: Environment,
  news: SubscriptionNews,
): Promise<void> {
  const { accountId, subscriptionId, invoiceId, event } = news;
  const purchase = await purchaseOf(engine, environment, news);
  const nowMs = engine.now();
  if (purchase === null || purchase.completedAt === null) {
    // an unpaid one is settled by its own session's events; what is not ours is no matter of ours
    await engine.storage.write((tx) => recordEvents(tx, environment.id, accountId, [event], nowMs));
    return;
  }
  const invoice = invoiceId === null ? null : await readInvoice(engine, environment, { accountId, invoiceId });
  const sold = await engine.environments.version(environment.id, purchase.offerVersion);
  const plan = sold === undefined || purchase.planId === null ? undefined : soldPlan(sold, purchase.planId);
  for (let tries = 0; ; tries++) {
    const subscription = await readSubscription(engine, environment, { accountId, subscriptionId });
    const changed = await engine.storage.write(async (tx) => {
      const settling = { environment, purchase, subscription, invoice, nowMs: engine.now() };
      if (plan !== undefined && (await settleSubscription(tx, { ...settling, plan }))) return true;
      await recordEvents(tx, environment.id, accountId, [event], nowMs);
      return false;
    });
    engine.webhookBell.ring();
    if (!changed) return;
    if (tries === mostTries) {
      throw new ScripError("stripe_unreachable", "A subscription keeps changing: try again", { retryAfterSeconds: 5 });
    }
  }
}

const Sessions = v.object({ data: v.array(v.object({ id: v.string() })) });

/** The purchase that a subscription came from, fulfilled first where that has not happened yet. */
async function purchaseOf(
  engine: Engine,
  environment: Environment,
  { accountId, subscriptionId }: SubscriptionNews,
): Promise<Purchase | null> {
  const [known] = await engine.storage.db
    .select()
    .from(purchases)
    .where(
      and(
        eq(purchases.environmentId, environment.id),
        eq(purchases.accountId, accountId),
        eq(purchases.subscriptionId, subscriptionId),
      ),
    );
  if (known !== undefined && known.completedAt !== null) return known;
  const query = { subscription: subscriptionId };
  const answer = await readStripe(engine, environment, accountId, "/v1/checkout/sessions", query);
  for (const { id } of understood(Sessions, answer).data) {
    const fulfilled = await fulfill(engine, environment, { accountId, sessionId: id });
    if (fulfilled !== null) return fulfilled.purchase;
  }
  return null;
}

const StripeSubscription = v.object({
  ...Trial.entries,
  status: v.string(),
  ended_at: v.nullish(v.number()),
  latest_invoice: v.nullish(v.union([v.string(), v.object({ id: v.string(), status: v.nullish(v.string()) })])),
  items: v.object({ data: v.array(v.object({ current_period_start: v.number(), current_period_end: v.number() })) }),
});

async function readSubscription(
  engine: Engine,
  environment: Environment,
  { accountId, subscriptionId }: { accountId: string; subscriptionId: string },
): Promise<Subscription> {
  const path = `/v1/subscriptions/${encodeURIComponent(subscriptionId)}`;
  const answer = await readStripe(engine, environment, accountId, path, { expand: ["latest_invoice"] });
  const subscription = understood(StripeSubscription, answer);
  const { id, status, ended_at, latest_invoice, items } = subscription;
  const latest = typeof latest_invoice === "object" ? latest_invoice : null;
  return {
    id,
    status,
    endedMs: typeof ended_at === "number" ? ended_at * 1000 : null,
    isLatestInvoicePaid: latest === null || latest?.status === "paid" || latest?.status === "void",
    trialEndMs: trialEnd(subscription),
    periodStartMs: Math.max(0, ...items.data.map((item) => item.current_period_start * 1000)),
  };
}

const StripeInvoice = v.object({
  id: v.string(),
  status: v.nullish(v.string()),
  billing_reason: v.nullish(v.string()),
  payments: v.nullish(InvoicePayments),
  lines: v.object({ data: v.array(v.object({ period: v.object({ start: v.number(), end: v.number() }) })) }),
});

async function readInvoice(
  engine: Engine,
  environment: Environment,
  { accountId, invoiceId }: { accountId: string; invoiceId: string },
): Promise<Invoice> {
  const path = `/v1/invoices/${encodeURIComponent(invoiceId)}`;
  const invoice = understood(
    StripeInvoice,
    await readStripe(engine, environment, accountId, path, { expand: ["payments"] }),
  );
  const periods = invoice.lines.data.map(({ period }) => period);
  const latest = periods.reduce((best, period) => (period.end > best.end ? period : best), { start: 0, end: 0 });
  return {
    id: invoice.id,
    isPaid: invoice.status === "paid",
    isRenewal: invoice.billing_reason === "subscription_cycle" || invoice.billing_reason === "subscription_update",
    isChange: invoice.billing_reason === "subscription_update",
    paymentIntentId: payingIntent(invoice.payments),
    startMs: latest.start * 1000,
    endMs: latest.end * 1000,
  };
}
