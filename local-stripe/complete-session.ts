import { sessionAnswer } from "./answers/session.ts";
import type { Context } from "./context.ts";
import { emit } from "./events.ts";
import { newId } from "./ids.ts";
import type { MethodType } from "./payment-methods.ts";
import { startPayment } from "./payments.ts";
import type { Records } from "./records.ts";
import { startSubscription } from "./start-subscription.ts";

type SessionRecord = Records["session"];

/** Who paid, as entered on the hosted page, and with what; null where no payment was asked for. */
export interface Buyer {
  email: string;
  name: string | null;
  method: MethodType | null;
}

/**
 * Pays an open session: it becomes complete and gets its customer and its payment intent, setup intent or
 * subscription, all in one transaction (Stripe docs, "How Checkout works"). A session that is not open any more is
 * returned as it is, so that a form sent twice pays once; undefined when there is none.
 */
export function completeSession(context: Context, id: string, buyer: Buyer): SessionRecord | undefined {
  return context.store.transaction(() => {
    const session = context.store.get("session", id);
    return session?.status === "open" ? completed(context, session, buyer) : session;
  });
}

/** The one place where a session becomes complete. */
function completed(context: Context, session: SessionRecord, buyer: Buyer): SessionRecord {
  const customer = session.customer ?? newCustomer(context, session, buyer);
  const complete: SessionRecord = {
    ...session,
    ...made(context, session, { ...buyer, customer }),
    status: "complete",
    payment_status: paymentStatus(session, buyer),
    customer,
    customer_details: { email: buyer.email, name: buyer.name ?? session.customer_details?.name ?? null },
  };
  context.store.put("session", complete);
  countRedemptions(context, session);
  emit(context, "checkout.session.completed", sessionAnswer(context, complete));
  return complete;
}

function paymentStatus({ amount_total }: SessionRecord, { method }: Buyer): SessionRecord["payment_status"] {
  if (!amount_total) {
    return "no_payment_required";
  }
  return method === "card" ? "paid" : "unpaid";
}

function newCustomer(context: Context, session: SessionRecord, { email, name }: Buyer): string | null {
  if (session.mode === "payment" && session.customer_creation !== "always") {
    return null;
  }
  const id = newId("cus", 14);
  const created = context.nowSeconds();
  context.store.put("customer", {
    id,
    created,
    metadata: {},
    email,
    name,
    phone: null,
    description: null,
    failing: false,
  });
  return id;
}

type Payer = Buyer & { customer: string | null };

function made(context: Context, session: SessionRecord, payer: Payer): Partial<SessionRecord> {
  const { customer, method } = payer;
  const { metadata, description } = session.made;
  if (session.mode === "setup") {
    const id = newId("seti");
    const created = context.nowSeconds();
    context.store.put("setup_intent", { id, created, metadata, description, customer, status: "succeeded" });
    return { setup_intent: id };
  }
  if (session.mode === "subscription") {
    if (customer === null) {
      return {};
    }
    const { subscription, invoice } = startSubscription(context, session, { customer, method });
    return { subscription: subscription.id, invoice: invoice.id };
  }
  return session.amount_total ? { payment_intent: newPayment(context, session, payer) } : {};
}

function newPayment(context: Context, session: SessionRecord, { customer, method, email, name }: Payer): string {
  const { metadata, description, receipt_email, statement_descriptor } = session.made;
  const payment = {
    amount: session.amount_total ?? 0,
    billing: { email, name },
    currency: session.currency ?? "",
    customer,
    description,
    metadata,
    method,
    receipt_email,
    statement_descriptor,
  };
  return startPayment(context, payment, false).id;
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
