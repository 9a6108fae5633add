import type { Stripe } from "stripe";
import { productAnswer } from "../answers/product.ts";
import type { Context } from "../context.ts";
import { createProduct } from "../create-product.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import { noSuch } from "../errors.ts";
import { inRange, pageOf } from "../list-page.ts";
import { mergeMetadata } from "../metadata.ts";
import type { Records } from "../records.ts";

/** Stripe API reference, "Products". */
export const productEndpoints: Endpoint[] = [
  endpoint("POST", "/v1/products", "productCreate", (context, params) => productAnswer(createProduct(context, params))),
  endpoint("GET", "/v1/products", "productList", (context, params) =>
    pageOf(filtered(context, params), productAnswer, { params, url: "/v1/products", kind: "product" }),
  ),
  endpoint("GET", "/v1/products/:id", "productRetrieve", (context, _, id) => productAnswer(productOf(context, id))),
  endpoint("POST", "/v1/products/:id", "productUpdate", (context, params, id) => {
    const product = productOf(context, id);
    const updated: Records["product"] = {
      ...product,
      active: params.active ?? product.active,
      default_price: params.default_price ?? product.default_price,
      description: orUnset(params.description, product.description),
      images: params.images === "" ? [] : (params.images ?? product.images),
      metadata: mergeMetadata(product.metadata, params.metadata),
      name: params.name ?? product.name,
      shippable: params.shippable ?? product.shippable,
      statement_descriptor: params.statement_descriptor ?? product.statement_descriptor,
      tax_code: orUnset(params.tax_code, product.tax_code),
      unit_label: orUnset(params.unit_label, product.unit_label),
      updated: context.nowSeconds(),
      url: orUnset(params.url, product.url),
    };
    context.store.put("product", updated);
    return productAnswer(updated);
  }),
];

function productOf(context: Context, id: string): Records["product"] {
  const product = context.store.get("product", id);
  if (product === undefined) {
    throw noSuch("product", id, "id", 404);
  }
  return product;
}

function orUnset(given: string | null | undefined, current: string | null): string | null {
  return given === undefined ? current : given || null;
}

function filtered(context: Context, { active, created, ids, shippable, url }: Stripe.ProductListParams) {
  return context.store
    .list("product")
    .filter(
      (product) =>
        (active === undefined || product.active === active) &&
        (ids === undefined || ids.includes(product.id)) &&
        (shippable === undefined || product.shippable === shippable) &&
        (url === undefined || product.url === url) &&
        inRange(product.created, created),
    );
}
