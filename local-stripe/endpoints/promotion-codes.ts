import type { Stripe } from "stripe";
import { promotionCodeAnswer } from "../answers/coupon.ts";
import type { Context } from "../context.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import { invalid, noSuch, notSimulated } from "../errors.ts";
import { newId } from "../ids.ts";
import { inRange, pageOf } from "../list-page.ts";
import { mergeMetadata } from "../metadata.ts";
import type { Records } from "../records.ts";

/** Stripe API reference, "Promotion Codes". */
export const promotionCodeEndpoints: Endpoint[] = [
  endpoint("POST", "/v1/promotion_codes", "promotionCodeCreate", (context, params) =>
    promotionCodeAnswer(createCode(context, params)),
  ),
  endpoint("GET", "/v1/promotion_codes", "promotionCodeList", (context, params) =>
    pageOf(filtered(context, params), promotionCodeAnswer, {
      params,
      url: "/v1/promotion_codes",
      kind: "promotion code",
    }),
  ),
  endpoint("GET", "/v1/promotion_codes/:id", "promotionCodeRetrieve", (context, _, id) =>
    promotionCodeAnswer(codeOf(context, id)),
  ),
  endpoint("POST", "/v1/promotion_codes/:id", "promotionCodeUpdate", (context, params, id) => {
    const code = codeOf(context, id);
    if (params.restrictions !== undefined) {
      throw notSimulated("restrictions");
    }
    const metadata = mergeMetadata(code.metadata, params.metadata);
    const updated = { ...code, active: params.active ?? code.active, metadata };
    context.store.put("promotion_code", updated);
    return promotionCodeAnswer(updated);
  }),
];

function createCode(context: Context, params: Stripe.PromotionCodeCreateParams): Records["promotion_code"] {
  const { promotion, restrictions } = params;
  if (params.customer !== undefined || params.customer_account !== undefined) {
    throw notSimulated("customer");
  }
  if (restrictions?.first_time_transaction === true || restrictions?.currency_options !== undefined) {
    throw notSimulated("restrictions");
  }
  if (promotion.coupon === undefined || context.store.get("coupon", promotion.coupon) === undefined) {
    throw noSuch("coupon", promotion.coupon ?? "", "promotion[coupon]");
  }
  const code = params.code ?? newId("code", 8).slice("code_".length).toUpperCase();
  checkFree(context, code);
  const record: Records["promotion_code"] = {
    id: newId("promo"),
    created: context.nowSeconds(),
    metadata: mergeMetadata({}, params.metadata),
    active: params.active ?? true,
    code,
    coupon: promotion.coupon,
    customer: null,
    expires_at: params.expires_at ?? null,
    max_redemptions: params.max_redemptions ?? null,
    times_redeemed: 0,
    minimum_amount: restrictions?.minimum_amount ?? null,
    minimum_amount_currency: restrictions?.minimum_amount_currency ?? null,
  };
  context.store.put("promotion_code", record);
  return record;
}

function checkFree(context: Context, code: string): void {
  const same = (other: Records["promotion_code"]) => other.active && other.code.toLowerCase() === code.toLowerCase();
  if (context.store.list("promotion_code").some(same)) {
    throw invalid("An active promotion code with this code already exists.", { param: "code" });
  }
}

function codeOf(context: Context, id: string): Records["promotion_code"] {
  const code = context.store.get("promotion_code", id);
  if (code === undefined) {
    throw noSuch("promotion code", id, "promotion_code", 404);
  }
  return code;
}

function filtered(context: Context, { active, code, coupon, created }: Stripe.PromotionCodeListParams) {
  return context.store
    .list("promotion_code")
    .filter(
      (record) =>
        (active === undefined || record.active === active) &&
        (code === undefined || record.code.toLowerCase() === code.toLowerCase()) &&
        (coupon === undefined || record.coupon === coupon) &&
        inRange(record.created, created),
    );
}
