import { invalid } from "./errors.ts";

/** Stripe's three-letter code in lower case; throws a `StripeRefusal` for one there is not ("Supported currencies"). */
export function currencyOf(given: string, param = "currency"): string {
  const currency = given.toLowerCase();
  if (!known.has(currency.toUpperCase())) {
    throw invalid(`Invalid currency: ${currency}. Stripe does not support this currency.`, { param });
  }
  return currency;
}

/** `£10.00`, `¥500`: an amount in minor units as people read it. */
export function formatAmount(amountMinor: number, currency: string): string {
  const digits = fractionDigits(currency);
  const format = new Intl.NumberFormat("en-GB", {
    style: "currency",
    currency: currency.toUpperCase(),
    currencyDisplay: "narrowSymbol",
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return format.format(amountMinor / 10 ** digits);
}

/** The least that can be charged, in minor units ("Minimum and maximum charge amounts"). */
export function minimumCharge(currency: string): number {
  return minimums[currency] ?? (fractionDigits(currency) === 0 ? 1 : 50);
}

const known = new Set(Intl.supportedValuesOf("currency"));

/** "Zero-decimal currencies" and "Three-decimal currencies"; every other currency has two. */
const zeroDecimal = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split(" ");
const threeDecimal = "bhd jod kwd omn tnd".split(" ");

function fractionDigits(currency: string): number {
  if (zeroDecimal.includes(currency)) {
    return 0;
  }
  return threeDecimal.includes(currency) ? 3 : 2;
}

const minimums: Record<string, number> = {
  aed: 200,
  aud: 50,
  bgn: 100,
  brl: 50,
  cad: 50,
  chf: 50,
  czk: 1500,
  dkk: 250,
  eur: 50,
  gbp: 30,
  hkd: 400,
  huf: 17500,
  inr: 50,
  jpy: 50,
  mxn: 1000,
  myr: 200,
  nok: 300,
  nzd: 50,
  pln: 200,
  ron: 200,
  sek: 300,
  sgd: 50,
  thb: 1000,
  usd: 50,
};
