import type { Stripe } from "stripe";
import { isRedeemable } from "../discounts.ts";
import type { Records } from "../records.ts";

/** Stripe API reference, "The Coupon object"; `valid` is judged at `nowSeconds`. */
export function couponAnswer(coupon: Records["coupon"], nowSeconds: number): Stripe.Coupon {
  const { id, applies_to, ...rest } = coupon;
  return {
    id,
    object: "coupon",
    ...rest,
    ...(applies_to !== null && { applies_to: { products: applies_to } }),
    livemode: false,
    valid: isRedeemable(coupon, nowSeconds),
  };
}

/** Stripe API reference, "The Promotion Code object". */
export function promotionCodeAnswer(code: Records["promotion_code"]): Stripe.PromotionCode {
  const { id, coupon, minimum_amount, minimum_amount_currency, ...rest } = code;
  return {
    id,
    object: "promotion_code",
    ...rest,
    customer_account: null,
    livemode: false,
    promotion: { coupon, type: "coupon" },
    restrictions: { first_time_transaction: false, minimum_amount, minimum_amount_currency },
  };
}
