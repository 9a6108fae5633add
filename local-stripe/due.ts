import type { Context } from "./context.ts";
import type { DueObject } from "./objects.ts";
import { renewSubscription, retryDueInvoice } from "./renew-subscription.ts";
import { expireDueSession } from "./sessions.ts";
import { settlePayment } from "./settle-payment.ts";

/**
 * Applies everything that is due by the clock, in the order of time and each as of its own time: sessions expire,
 * subscriptions renew or end, declined invoices are tried again, bank debits settle. Each is a transaction of its own.
 */
export function applyDue(context: Context): void {
  while (applyNext(context)) {
    // one after the other: what one of them leads to may be due before the next
  }
}

function applyNext(context: Context): boolean {
  const { store, clock } = context;
  const seconds = clock.nowMs() / 1000;
  if (store.due(seconds) === undefined) {
    return false;
  }
  return store.transaction(() => {
    // another server on the same file may have been faster
    const due = store.due(seconds);
    if (due === undefined) {
      return false;
    }
    apply({ ...context, nowSeconds: () => Math.floor(due.dueAt), request: { id: null, idempotency_key: null } }, due);
    const next = store.due(seconds);
    if (next?.id === due.id && next.dueAt <= due.dueAt) {
      throw new Error(`${due.id} is due again at once`);
    }
    return true;
  });
}

function apply(context: Context, { kind, id }: DueObject): void {
  const { store } = context;
  const session = kind === "session" ? store.get(kind, id) : undefined;
  const subscription = kind === "subscription" ? store.get(kind, id) : undefined;
  const invoice = kind === "invoice" ? store.get(kind, id) : undefined;
  const intent = kind === "payment_intent" ? store.get(kind, id) : undefined;
  if (session !== undefined) {
    expireDueSession(context, session);
  } else if (subscription !== undefined) {
    renewSubscription(context, subscription);
  } else if (invoice !== undefined) {
    retryDueInvoice(context, invoice);
  } else if (intent !== undefined) {
    const failing = store.get("customer", intent.customer ?? "")?.failing ?? false;
    settlePayment(context, intent, failing ? "failed" : "succeeded");
  }
}
