import { invalid } from "./errors.ts";
import { type MethodType, methodsOf } from "./payment-methods.ts";
import type { Records } from "./records.ts";

type SessionRecord = Records["session"];

/** How a buyer wants to pay: at once, or by the bank debit of the currency. */
export type WantedMethod = "card" | "delayed";

/** What a session can be paid with; a bank debit only where there is something to pay now. */
export function sessionMethods({ mode, amount_total, currency, echoed }: SessionRecord): MethodType[] {
  const methods = mode === "setup" || !amount_total || currency === null ? (["card"] as const) : methodsOf(currency);
  return methods.filter((method) => echoed.allowed_payment_method_types?.includes(method) ?? true);
}

/** Nothing to pay now and nothing later, or later but nothing wanted until then: the page asks for no payment. */
export function asksForPayment({ mode, amount_total, payment_method_collection: collection }: SessionRecord): boolean {
  return mode === "setup" || Boolean(amount_total) || (mode === "subscription" && collection === "always");
}

/** What a session is paid with; null where the page asks for nothing. Throws a `StripeRefusal` for no bank debit. */
export function methodFor(session: SessionRecord, wanted: WantedMethod): MethodType | null {
  if (!asksForPayment(session)) {
    return null;
  }
  const method = sessionMethods(session).find((type) => (type === "card") === (wanted === "card"));
  if (method === undefined) {
    throw invalid("This Checkout Session cannot be paid with a bank debit.", { param: "method" });
  }
  return method;
}
