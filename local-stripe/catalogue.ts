import type { Context } from "./context.ts";
import { currencyOf } from "./currencies.ts";
import type { Records } from "./records.ts";

/** Objects with ids of one's choosing, as a fresh Stripe account cannot have them. Amounts are in minor units. */
export interface Catalogue {
  /** The merchant: its name is on the hosted page. */
  account?: { id: string; name: string; country?: string };
  products?: { id: string; name: string; description?: string; active?: boolean }[];
  prices?: {
    id: string;
    product: string;
    currency: string;
    unitAmount: number;
    nickname?: string;
    recurring?: { interval: "day" | "week" | "month" | "year"; intervalCount?: number };
    active?: boolean;
  }[];
  coupons?: ({ id: string; name?: string } & ({ percentOff: number } | { amountOff: number; currency: string }))[];
  promotionCodes?: { id: string; code: string; coupon: string }[];
}

/**
 * Puts a catalogue: what is not there is made, what is there becomes as described, nothing else is touched. Putting
 * the same one again changes nothing.
 */
export function putCatalogue(context: Context, catalogue: Catalogue): void {
  context.store.transaction(() => {
    const { account, products = [], prices = [], coupons = [], promotionCodes = [] } = catalogue;
    if (account !== undefined) {
      put(context, "account", { country: "GB", ...account, created: context.nowSeconds() });
    }
    for (const product of products) {
      putProduct(context, product);
    }
    for (const price of prices) {
      putPrice(context, price);
    }
    for (const coupon of coupons) {
      putCoupon(context, coupon);
    }
    for (const code of promotionCodes) {
      const known = context.store.get("promotion_code", code.id) ?? newCode;
      put(context, "promotion_code", { ...known, ...code, created: context.nowSeconds() });
    }
  });
}

type Entry<K extends "products" | "prices" | "coupons"> = NonNullable<Catalogue[K]>[number];

/** Keeps what time has made of an object: when it was created, how often it was redeemed. */
function put<K extends "account" | "product" | "price" | "coupon" | "promotion_code">(
  context: Context,
  kind: K,
  record: Records[K],
): void {
  const { created } = context.store.get(kind, record.id) ?? record;
  context.store.put(kind, { ...record, created });
}

function putProduct(context: Context, { id, name, description = "", active = true }: Entry<"products">): void {
  const known = context.store.get("product", id);
  const now = context.nowSeconds();
  put(context, "product", {
    ...(known ?? newProduct),
    id,
    name,
    active,
    description: description || null,
    created: now,
    updated: known?.updated ?? now,
  });
}

function putPrice(context: Context, price: Entry<"prices">): void {
  const { id, product, currency, unitAmount, nickname = null, recurring, active = true } = price;
  put(context, "price", {
    id,
    created: context.nowSeconds(),
    metadata: {},
    active,
    currency: currencyOf(currency),
    product,
    unit_amount: unitAmount,
    nickname,
    lookup_key: context.store.get("price", id)?.lookup_key ?? null,
    tax_behavior: "unspecified",
    recurring: recurring ? { interval: recurring.interval, interval_count: recurring.intervalCount ?? 1 } : null,
  });
}

function putCoupon(context: Context, coupon: Entry<"coupons">): void {
  const off =
    "percentOff" in coupon
      ? { percent_off: coupon.percentOff, amount_off: null, currency: null }
      : { percent_off: null, amount_off: coupon.amountOff, currency: currencyOf(coupon.currency) };
  put(context, "coupon", {
    id: coupon.id,
    created: context.nowSeconds(),
    metadata: {},
    name: coupon.name ?? null,
    ...off,
    duration: "once",
    duration_in_months: null,
    max_redemptions: null,
    redeem_by: null,
    times_redeemed: context.store.get("coupon", coupon.id)?.times_redeemed ?? 0,
    applies_to: null,
  });
}

const newProduct = {
  metadata: {},
  images: [],
  default_price: null,
  shippable: null,
  statement_descriptor: null,
  tax_code: null,
  unit_label: null,
  url: null,
};

const newCode = {
  metadata: {},
  active: true,
  customer: null,
  expires_at: null,
  max_redemptions: null,
  times_redeemed: 0,
  minimum_amount: null,
  minimum_amount_currency: null,
};
