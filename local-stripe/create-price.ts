import type { Stripe } from "stripe";
import type { Context } from "./context.ts";
import { createProduct, type NewProduct } from "./create-product.ts";
import { currencyOf } from "./currencies.ts";
import { invalid, missing, noSuch, notSimulated, onlyOneOf } from "./errors.ts";
import { newId } from "./ids.ts";
import { mergeMetadata } from "./metadata.ts";
import type { Records } from "./records.ts";

/** What a price can be made of: the endpoint's parameters, and `line_items[…][price_data]`. */
export interface NewPrice
  extends Pick<Stripe.PriceCreateParams, "active" | "lookup_key" | "metadata" | "nickname" | "tax_behavior"> {
  currency: string;
  product?: string;
  product_data?: NewProduct;
  recurring?: { interval: string; interval_count?: number };
  unit_amount?: number;
}

/** Makes and remembers a price, and its product when `product_data` is given; `at` is where it was asked for. */
export function createPrice(context: Context, params: NewPrice, at?: string): Records["price"] {
  const param = (name: string) => (at === undefined ? name : `${at}[${name}]`);
  if ("unit_amount_decimal" in params) {
    throw notSimulated(param("unit_amount_decimal"));
  }
  checkLookupKey(context, params.lookup_key);
  const price: Records["price"] = {
    id: newId("price"),
    created: context.nowSeconds(),
    active: params.active ?? true,
    currency: currencyOf(params.currency, param("currency")),
    unit_amount: amountOf(params.unit_amount, param("unit_amount")),
    recurring: recurringOf(params.recurring, param("recurring")),
    metadata: mergeMetadata({}, params.metadata),
    nickname: params.nickname ?? null,
    lookup_key: params.lookup_key ?? null,
    tax_behavior: params.tax_behavior ?? "unspecified",
    product: productFor(context, params, param),
  };
  context.store.put("price", price);
  return price;
}

function amountOf(amount: number | undefined, param: string): number {
  if (amount === undefined) {
    throw missing(param);
  }
  if (amount < 0) {
    throw invalid("This value must be greater than or equal to 0.", { code: "parameter_invalid_integer", param });
  }
  if (amount > 99_999_999) {
    throw invalid("Invalid integer: the value must be no more than 99999999.", { code: "amount_too_large", param });
  }
  return amount;
}

/** The longest period between two charges: three years ("Create a price": `recurring.interval_count`). */
const mostIntervals = { day: 1095, week: 156, month: 36, year: 3 };

function recurringOf(recurring: NewPrice["recurring"], param: string): Records["price"]["recurring"] {
  if (recurring === undefined) {
    return null;
  }
  const extra = Object.keys(recurring).find((key) => key !== "interval" && key !== "interval_count");
  if (extra !== undefined && !("usage_type" in recurring && recurring.usage_type === "licensed")) {
    throw notSimulated(`${param}[${extra}]`);
  }
  const { interval, interval_count = 1 } = recurring;
  if (interval !== "day" && interval !== "week" && interval !== "month" && interval !== "year") {
    throw invalid(`Invalid ${param}[interval]`, { param: `${param}[interval]` });
  }
  if (interval_count < 1 || interval_count > mostIntervals[interval]) {
    throw invalid(`This value must be between 1 and ${mostIntervals[interval]}.`, {
      code: "parameter_invalid_integer",
      param: `${param}[interval_count]`,
    });
  }
  return { interval, interval_count };
}

function productFor(context: Context, { product, product_data }: NewPrice, param: (name: string) => string): string {
  if (product !== undefined && product_data !== undefined) {
    throw onlyOneOf(param("product"), param("product_data"));
  }
  if (product_data !== undefined) {
    return createProduct(context, product_data, param("product_data")).id;
  }
  if (product === undefined) {
    throw missing(param("product"));
  }
  if (context.store.get("product", product) === undefined) {
    throw noSuch("product", product, param("product"));
  }
  return product;
}

/** Refuses a lookup key that another price has. */
export function checkLookupKey(context: Context, key: string | undefined, ownId?: string): void {
  const taken = key === undefined ? undefined : context.store.list("price").find((price) => price.lookup_key === key);
  if (taken !== undefined && taken.id !== ownId) {
    throw invalid(`A price (\`${taken.id}\`) already uses that lookup key.`, { param: "lookup_key" });
  }
}
