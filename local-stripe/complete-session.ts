import type { Context } from "./context.ts";
import { newId } from "./ids.ts";
import type { Records } from "./records.ts";
import { currentSession } from "./sessions.ts";

type SessionRecord = Records["session"];

/** Who paid, as entered on the hosted page. */
export interface Buyer {
  email: string;
  name: string | null;
}

/**
 * Pays an open session: it becomes complete and gets its customer and its payment intent, setup intent or
 * subscription, all in one transaction (Stripe docs, "How Checkout works"). A session that is not open any more is
 * returned as it is, so that a form sent twice pays once; undefined when there is none.
 */
export function completeSession(context: Context, id: string, buyer: Buyer): SessionRecord | undefined {
  return context.store.transaction(() => {
    const session = currentSession(context, id);
    return session?.status === "open" ? completed(context, session, buyer) : session;
  });
}

/** The one place where a session becomes complete. */
function completed(context: Context, session: SessionRecord, buyer: Buyer): SessionRecord {
  const customer = session.customer ?? newCustomer(context, session, buyer);
  const complete: SessionRecord = {
    ...session,
    ...made(context, session, customer),
    status: "complete",
    payment_status: session.amount_total ? "paid" : "no_payment_required",
    customer,
    customer_details: { email: buyer.email, name: buyer.name ?? session.customer_details?.name ?? null },
  };
  context.store.put("session", complete);
  countRedemptions(context, session);
  return complete;
}

function newCustomer(context: Context, session: SessionRecord, buyer: Buyer): string | null {
  if (session.mode === "payment" && session.customer_creation !== "always") {
    return null;
  }
  const id = newId("cus", 14);
  const created = context.nowSeconds();
  context.store.put("customer", { id, created, metadata: {}, ...buyer, phone: null, description: null });
  return id;
}

function made(context: Context, session: SessionRecord, customer: string | null): Partial<SessionRecord> {
  const { metadata, description, receipt_email, statement_descriptor } = session.made;
  const common = { created: context.nowSeconds(), metadata, description, customer };
  if (session.mode === "setup") {
    const id = newId("seti");
    context.store.put("setup_intent", { ...common, id, status: "succeeded" });
    return { setup_intent: id };
  }
  if (session.mode === "subscription") {
    return { subscription: customer === null ? null : newSubscription(context, session, customer) };
  }
  const amount = session.amount_total ?? 0;
  if (amount === 0 || session.currency === null) {
    return {};
  }
  const id = newId("pi");
  const { currency } = session;
  context.store.put("payment_intent", {
    ...common,
    id,
    amount,
    currency,
    receipt_email,
    statement_descriptor,
    status: "succeeded",
  });
  return { payment_intent: id };
}

function newSubscription(context: Context, session: SessionRecord, customer: string): string {
  const now = context.nowSeconds();
  const { trial_end, trial_period_days: days, metadata, description } = session.made;
  const trialEnd = trial_end ?? (days === null ? null : now + days * 86_400);
  const recurring = session.line_items.flatMap(({ price, quantity }) => {
    const rhythm = context.store.get("price", price)?.recurring;
    return rhythm ? [{ price, quantity, rhythm }] : [];
  });
  const rhythm = recurring[0]?.rhythm ?? { interval: "month" as const, interval_count: 1 };
  const id = newId("sub");
  context.store.put("subscription", {
    id,
    created: now,
    metadata,
    description,
    customer,
    currency: session.currency ?? "",
    status: trialEnd === null ? "active" : "trialing",
    current_period_end: trialEnd ?? periodEnd(now, rhythm),
    trial_start: trialEnd === null ? null : now,
    trial_end: trialEnd,
    items: recurring.map(({ price, quantity }) => ({ id: newId("si", 14), price, quantity })),
  });
  return id;
}

type Rhythm = NonNullable<Records["price"]["recurring"]>;

/** One billing period later by the calendar, UTC; a day that month lacks becomes its last. */
function periodEnd(fromSeconds: number, { interval, interval_count: count }: Rhythm): number {
  if (interval === "day" || interval === "week") {
    return fromSeconds + count * (interval === "day" ? 1 : 7) * 86_400;
  }
  const start = new Date(fromSeconds * 1000);
  const end = new Date(start);
  end.setUTCDate(1);
  end.setUTCMonth(start.getUTCMonth() + count * (interval === "month" ? 1 : 12));
  const lastDay = new Date(Date.UTC(end.getUTCFullYear(), end.getUTCMonth() + 1, 0)).getUTCDate();
  end.setUTCDate(Math.min(start.getUTCDate(), lastDay));
  return end.getTime() / 1000;
}

function countRedemptions({ store }: Context, session: SessionRecord): void {
  for (const { coupon, promotion_code } of session.discounts) {
    const used = store.get("coupon", coupon);
    const code = promotion_code === null ? undefined : store.get("promotion_code", promotion_code);
    if (used !== undefined) {
      store.put("coupon", { ...used, times_redeemed: used.times_redeemed + 1 });
    }
    if (code !== undefined) {
      store.put("promotion_code", { ...code, times_redeemed: code.times_redeemed + 1 });
    }
  }
}
