import type { Endpoint } from "./endpoint.ts";
import { checkoutSessionEndpoints } from "./endpoints/checkout-sessions.ts";
import { couponEndpoints } from "./endpoints/coupons.ts";
import { customerEndpoints } from "./endpoints/customers.ts";
import { eventEndpoints } from "./endpoints/events.ts";
import { accountEndpoints, paymentEndpoints, returnEndpoints } from "./endpoints/payments.ts";
import { priceEndpoints } from "./endpoints/prices.ts";
import { productEndpoints } from "./endpoints/products.ts";
import { promotionCodeEndpoints } from "./endpoints/promotion-codes.ts";
import { invoiceEndpoints, subscriptionEndpoints } from "./endpoints/subscriptions.ts";

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
  ...returnEndpoints,
  ...subscriptionEndpoints,
  ...invoiceEndpoints,
  ...eventEndpoints,
];
