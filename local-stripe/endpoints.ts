import type { Endpoint } from "./endpoint.ts";
import { checkoutSessionEndpoints } from "./endpoints/checkout-sessions.ts";
import { couponEndpoints } from "./endpoints/coupons.ts";
import { customerEndpoints } from "./endpoints/customers.ts";
import { accountEndpoints, paymentEndpoints } from "./endpoints/payments.ts";
import { priceEndpoints } from "./endpoints/prices.ts";
import { productEndpoints } from "./endpoints/products.ts";
import { promotionCodeEndpoints } from "./endpoints/promotion-codes.ts";

/** The API this Stripe has: any other path or method is unrecognized. */
export const endpoints: readonly Endpoint[] = [
  ...accountEndpoints,
  ...productEndpoints,
  ...priceEndpoints,
  ...couponEndpoints,
  ...promotionCodeEndpoints,
  ...customerEndpoints,
  ...checkoutSessionEndpoints,
  ...paymentEndpoints,
];
