import type { Stripe } from "stripe";
import type { Records } from "../records.ts";

/** Stripe API reference, "The Product object". */
export function productAnswer(product: Records["product"]): Stripe.Product {
  const { id, ...rest } = product;
  return {
    id,
    object: "product",
    ...rest,
    livemode: false,
    marketing_features: [],
    package_dimensions: null,
    tax_details: null,
    type: "service",
  };
}
