import type { Stripe } from "stripe";
import { couponAnswer } from "../answers/coupon.ts";
import type { Context } from "../context.ts";
import { currencyOf } from "../currencies.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import { invalid, missing, noSuch, notSimulated, onlyOneOf } from "../errors.ts";
import { newId } from "../ids.ts";
import { inRange, pageOf } from "../list-page.ts";
import { mergeMetadata } from "../metadata.ts";
import type { Records } from "../records.ts";

/** Stripe API reference, "Coupons". */
export const couponEndpoints: Endpoint[] = [
  endpoint("POST", "/v1/coupons", "couponCreate", (context, params) => answer(context)(createCoupon(context, params))),
  endpoint("GET", "/v1/coupons", "couponList", (context, params) =>
    pageOf(
      context.store.list("coupon").filter(({ created }) => inRange(created, params.created)),
      answer(context),
      { params, url: "/v1/coupons", kind: "coupon" },
    ),
  ),
  endpoint("GET", "/v1/coupons/:id", "couponRetrieve", (context, _, id) => {
    const coupon = context.store.get("coupon", id);
    if (coupon === undefined) {
      throw noSuch("coupon", id, "coupon", 404);
    }
    return answer(context)(coupon);
  }),
];

const durations = ["forever", "once", "repeating"] as const;

function answer({ nowSeconds }: Context) {
  return (coupon: Records["coupon"]) => couponAnswer(coupon, nowSeconds());
}

function createCoupon(context: Context, params: Stripe.CouponCreateParams): Records["coupon"] {
  const id = params.id ?? newId("coupon", 8).slice("coupon_".length);
  checkCoupon(context, params, id);
  const coupon: Records["coupon"] = {
    id,
    created: context.nowSeconds(),
    metadata: mergeMetadata({}, params.metadata),
    name: params.name ?? null,
    amount_off: params.amount_off ?? null,
    percent_off: params.percent_off ?? null,
    currency: params.amount_off === undefined ? null : currencyOf(params.currency ?? ""),
    duration: durations.find((known) => known === params.duration) ?? "once",
    duration_in_months: params.duration_in_months ?? null,
    max_redemptions: params.max_redemptions ?? null,
    redeem_by: params.redeem_by ?? null,
    times_redeemed: 0,
    applies_to: params.applies_to?.products ?? null,
  };
  context.store.put("coupon", coupon);
  return coupon;
}

function checkCoupon(context: Context, params: Stripe.CouponCreateParams, id: string): void {
  const { amount_off, percent_off } = params;
  if (context.store.kindOf(id) !== undefined) {
    throw invalid("Coupon already exists.", { code: "resource_already_exists", param: "id" });
  }
  if (params.currency_options !== undefined) {
    throw notSimulated("currency_options");
  }
  if (amount_off !== undefined && percent_off !== undefined) {
    throw onlyOneOf("amount_off", "percent_off");
  }
  if (amount_off === undefined && percent_off === undefined) {
    throw missing("percent_off");
  }
  if (percent_off !== undefined && (percent_off <= 0 || percent_off > 100)) {
    throw invalid("This value must be greater than 0 and less than or equal to 100.", { param: "percent_off" });
  }
  if (amount_off !== undefined && amount_off < 1) {
    throw invalid("This value must be greater than or equal to 1.", {
      code: "parameter_invalid_integer",
      param: "amount_off",
    });
  }
  if (amount_off !== undefined && params.currency === undefined) {
    throw missing("currency");
  }
  if (params.duration === "repeating" && params.duration_in_months === undefined) {
    throw missing("duration_in_months");
  }
}
