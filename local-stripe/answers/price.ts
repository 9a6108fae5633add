import { Stripe } from "stripe";
import type { Records } from "../records.ts";

/** Stripe API reference, "The Price object". */
export function priceAnswer(price: Records["price"]): Stripe.Price {
  const { id, recurring, ...rest } = price;
  return {
    id,
    object: "price",
    ...rest,
    billing_scheme: "per_unit",
    custom_unit_amount: null,
    livemode: false,
    recurring: recurring && { ...recurring, meter: null, trial_period_days: null, usage_type: "licensed" },
    tiers_mode: null,
    transform_quantity: null,
    type: recurring === null ? "one_time" : "recurring",
    unit_amount_decimal: Stripe.Decimal.from(price.unit_amount),
  };
}

/** Stripe API reference, "The Plan object": the older face of a recurring price, still in subscription items. */
export function planAnswer(price: Records["price"]): Stripe.Plan {
  return {
    id: price.id,
    object: "plan",
    active: price.active,
    amount: price.unit_amount,
    amount_decimal: Stripe.Decimal.from(price.unit_amount),
    billing_scheme: "per_unit",
    created: price.created,
    currency: price.currency,
    interval: price.recurring?.interval ?? "month",
    interval_count: price.recurring?.interval_count ?? 1,
    livemode: false,
    metadata: price.metadata,
    meter: null,
    nickname: price.nickname,
    product: price.product,
    tiers_mode: null,
    transform_usage: null,
    trial_period_days: null,
    usage_type: "licensed",
  };
}
