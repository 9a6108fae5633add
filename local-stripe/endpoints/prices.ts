import type { Stripe } from "stripe";
import { priceAnswer } from "../answers/price.ts";
import type { Context } from "../context.ts";
import { checkLookupKey, createPrice } from "../create-price.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import { noSuch, notSimulated } from "../errors.ts";
import { inRange, pageOf } from "../list-page.ts";
import { mergeMetadata } from "../metadata.ts";
import type { Records } from "../records.ts";

/** Stripe API reference, "Prices". */
export const priceEndpoints: Endpoint[] = [
  endpoint("POST", "/v1/prices", "priceCreate", (context, params) => {
    checkSimulated(params);
    return priceAnswer(createPrice(context, params));
  }),
  endpoint("GET", "/v1/prices", "priceList", (context, params) =>
    pageOf(filtered(context, params), priceAnswer, { params, url: "/v1/prices", kind: "price" }),
  ),
  endpoint("GET", "/v1/prices/:id", "priceRetrieve", (context, _, id) => priceAnswer(priceOf(context, id))),
  endpoint("POST", "/v1/prices/:id", "priceUpdate", (context, params, id) => {
    const price = priceOf(context, id);
    if (params.currency_options !== undefined) {
      throw notSimulated("currency_options");
    }
    checkLookupKey(context, params.lookup_key, id);
    const updated: Records["price"] = {
      ...price,
      active: params.active ?? price.active,
      lookup_key: params.lookup_key ?? price.lookup_key,
      metadata: mergeMetadata(price.metadata, params.metadata),
      nickname: params.nickname ?? price.nickname,
      tax_behavior: params.tax_behavior ?? price.tax_behavior,
    };
    context.store.put("price", updated);
    return priceAnswer(updated);
  }),
];

function checkSimulated(params: Stripe.PriceCreateParams): void {
  const names = [
    "currency_options",
    "custom_unit_amount",
    "tiers",
    "tiers_mode",
    "transfer_lookup_key",
    "transform_quantity",
  ];
  const found = names.find((name) => name in params);
  if (found !== undefined || params.billing_scheme === "tiered") {
    throw notSimulated(found ?? "billing_scheme");
  }
}

function priceOf(context: Context, id: string): Records["price"] {
  const price = context.store.get("price", id);
  if (price === undefined) {
    throw noSuch("price", id, "price", 404);
  }
  return price;
}

function filtered(
  context: Context,
  { active, created, currency, lookup_keys, product, recurring, type }: Stripe.PriceListParams,
) {
  return context.store
    .list("price")
    .filter(
      (price) =>
        (active === undefined || price.active === active) &&
        (currency === undefined || price.currency === currency) &&
        (lookup_keys === undefined || (price.lookup_key !== null && lookup_keys.includes(price.lookup_key))) &&
        (product === undefined || price.product === product) &&
        (recurring?.interval === undefined || price.recurring?.interval === recurring.interval) &&
        (type === undefined || (type === "recurring") === (price.recurring !== null)) &&
        inRange(price.created, created),
    );
}
