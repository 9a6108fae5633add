import type { Stripe } from "stripe";
import type { Context } from "./context.ts";
import { invalid } from "./errors.ts";
import { newId } from "./ids.ts";
import { mergeMetadata } from "./metadata.ts";
import type { Records } from "./records.ts";

/** What a product can be made of: the endpoint's parameters, and `product_data`'s. */
export type NewProduct = Pick<
  Stripe.ProductCreateParams,
  | "active"
  | "description"
  | "id"
  | "images"
  | "metadata"
  | "name"
  | "shippable"
  | "statement_descriptor"
  | "tax_code"
  | "unit_label"
  | "url"
>;

/** Makes and remembers a product; throws a `StripeRefusal` when its id is taken. */
export function createProduct(context: Context, params: NewProduct, param?: string): Records["product"] {
  const id = params.id ?? newId("prod", 14);
  if (context.store.kindOf(id) !== undefined) {
    throw invalid("Product already exists.", { code: "resource_already_exists", param: "id" });
  }
  const product: Records["product"] = {
    id,
    created: context.nowSeconds(),
    updated: context.nowSeconds(),
    active: params.active ?? true,
    name: params.name,
    description: params.description ?? null,
    images: params.images ?? [],
    metadata: mergeMetadata({}, params.metadata, param === undefined ? "metadata" : `${param}[metadata]`),
    default_price: null,
    shippable: params.shippable ?? null,
    statement_descriptor: params.statement_descriptor ?? null,
    tax_code: params.tax_code ?? null,
    unit_label: params.unit_label ?? null,
    url: params.url ?? null,
  };
  context.store.put("product", product);
  return product;
}
