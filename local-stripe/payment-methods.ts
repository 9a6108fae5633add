/** The payment methods there are here: a card, and the bank debit of a currency, which settles days later. */
export const methodTypes = ["card", "bacs_debit", "sepa_debit", "us_bank_account"] as const;

/** One of them (Stripe docs, "Payment methods": the `type`). */
export type MethodType = (typeof methodTypes)[number];

/** The bank debit of a currency, where Stripe has one that is simulated. */
export function bankDebitOf(currency: string): Exclude<MethodType, "card"> | undefined {
  return bankDebits[currency];
}

/** What a payment in a currency can be paid with, in the order of the page. */
export function methodsOf(currency: string): MethodType[] {
  const debit = bankDebitOf(currency);
  return debit === undefined ? ["card"] : ["card", debit];
}

const bankDebits: Record<string, Exclude<MethodType, "card"> | undefined> = {
  eur: "sepa_debit",
  gbp: "bacs_debit",
  usd: "us_bank_account",
};
