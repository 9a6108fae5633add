import type { Offer, Plan, StripeCheckoutValues } from "../schemas/config.ts";
import type { Issue } from "../schemas/errors.ts";
import type { JsonObject } from "../schemas/json.ts";

/** The redemption schema whose values become the parameters of a Stripe Checkout Session (MonetizationOS). */
export const stripeCheckoutSchema = "mos:stripe-checkout-instructions";

/** Stripe Checkout's two ways to sell: once, or by subscription (Stripe: Checkout Session `mode`). */
export type CheckoutMode = "payment" | "subscription";

/**
 * Checkout Session parameters for one plan of an offer, or for an offer without plans: `mode`, `line_items` from the
 * catalogue prices that apply to the plan or else from the plan's own price, discounts, trial days.
 * Source: MonetizationOS "Redeem a Stripe Checkout offer"; Stripe "Create a Checkout Session".
 */
export function checkoutInstructions(values: StripeCheckoutValues, plan: Plan | null): JsonObject {
  const mode = modeOf(values, plan);
  const instructions: JsonObject = { mode, line_items: lineItems(values, plan) };
  if (values.coupon !== null) instructions.discounts = [{ coupon: values.coupon }];
  if (values.promotionCode !== null) instructions.discounts = [{ promotion_code: values.promotionCode }];
  if (values.allowPromotionCodes) instructions.allow_promotion_codes = true;
  if (values.trialDays > 0) instructions.subscription_data = { trial_period_days: values.trialDays };
  return instructions;
}

/**
 * What would make an offer charge a wrong sum or nothing, found when it is saved. Paths are relative to `redemption`.
 */
export function checkoutProblems(values: StripeCheckoutValues, offer: Offer, plans: Plan[]): Issue[] {
  const problems: Issue[] = [];
  const report = (path: string, message: string) => problems.push({ path, message });
  values.prices.forEach(({ plan }, i) => {
    if (plan !== undefined && !offer.plans.includes(plan))
      report(`prices.${i}.plan`, `the offer has no plan "${plan}"`);
    if (plan === undefined && plans.length > 1)
      report(`prices.${i}.plan`, "needed, because the offer has several plans");
  });
  const sold: (Plan | null)[] = plans.length === 0 ? [null] : plans;
  for (const plan of sold) {
    const who = plan === null ? "the offer" : `plan "${plan.slug}"`;
    if (lineItems(values, plan).length === 0) report("prices", `${who} has nothing to sell: give it a price`);
    if (values.trialDays > 0 && modeOf(values, plan) === "payment") {
      report("trialDays", `${who} is not a subscription: set mode to "subscription", or the days to 0`);
    }
  }
  const discounts = [values.coupon !== null, values.promotionCode !== null, values.allowPromotionCodes];
  if (discounts.filter(Boolean).length > 1) report("coupon", "only one of coupon, promotionCode, allowPromotionCodes");
  return problems;
}

function modeOf(values: StripeCheckoutValues, plan: Plan | null): CheckoutMode {
  if (values.mode !== null) return values.mode;
  return plan?.price?.interval ? "subscription" : "payment";
}

function lineItems(values: StripeCheckoutValues, plan: Plan | null): JsonObject[] {
  const catalogue = values.prices.filter((item) => item.plan === undefined || item.plan === plan?.slug);
  if (catalogue.length > 0) return catalogue.map(({ price, quantity }) => ({ price, quantity }));
  if (!plan?.price) return [];
  const { currency, amountMinor, interval } = plan.price;
  const price_data: JsonObject = { currency, unit_amount: amountMinor, product_data: { name: plan.name } };
  if (interval !== null) price_data.recurring = { interval };
  return [{ price_data, quantity: 1 }];
}
