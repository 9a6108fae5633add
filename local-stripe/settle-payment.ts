import { sessionAnswer } from "./answers/session.ts";
import type { Context } from "./context.ts";
import { emit } from "./events.ts";
import { concludeInvoice } from "./invoices.ts";
import { settleIntent } from "./payments.ts";
import type { Records } from "./records.ts";
import { followInvoice } from "./subscriptions.ts";

/**
 * Settles a bank debit that is processing (Stripe docs, "Fulfill orders": "Handle delayed notification payment
 * methods"): its charge and payment intent, then the invoice and subscription it is for, then its session.
 */
export function settlePayment(
  context: Context,
  processing: Records["payment_intent"],
  outcome: "succeeded" | "failed",
): void {
  const { store } = context;
  const intent = settleIntent(context, processing, outcome);
  const open = store.find("invoice", { payment_intent: intent.id });
  if (open !== undefined) {
    followInvoice(context, concludeInvoice(context, open, intent));
  }
  const session =
    store.find("session", { payment_intent: intent.id }) ?? (open && store.find("session", { invoice: open.id }));
  if (session !== undefined) {
    const settled: Records["session"] = { ...session, payment_status: outcome === "succeeded" ? "paid" : "unpaid" };
    store.put("session", settled);
    emit(context, `checkout.session.async_payment_${outcome}`, sessionAnswer(context, settled));
  }
}

/** The bank debit of a session or payment intent that is processing; undefined when there is none. */
export function processingPayment({ store }: Context, id: string): Records["payment_intent"] | undefined {
  const session = store.get("session", id);
  const invoice = store.get("invoice", session?.invoice ?? "");
  const intent = store.get("payment_intent", session?.payment_intent ?? invoice?.payment_intent ?? id);
  return intent?.status === "processing" ? intent : undefined;
}
