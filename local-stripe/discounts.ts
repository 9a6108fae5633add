import type { Context } from "./context.ts";
import { invalid, noSuch, notSimulated, onlyOneOf } from "./errors.ts";
import type { Records } from "./records.ts";

/** A discount as a Checkout Session is created with it. */
export interface GivenDiscount {
  coupon?: string;
  promotion_code?: string;
}

/** What a discount is taken from. */
export interface DiscountedLine {
  product: string;
  subtotal: number;
}

/** Whether a coupon or a promotion code can be used now: neither out of time nor used up. */
export function isRedeemable(
  { max_redemptions: most, times_redeemed: times, ...rest }: Records["coupon"] | Records["promotion_code"],
  nowSeconds: number,
): boolean {
  const until = "redeem_by" in rest ? rest.redeem_by : rest.expires_at;
  return (most === null || times < most) && (until === null || nowSeconds < until);
}

/**
 * The coupon behind `discounts[0]`, with the promotion code that led to it (Stripe docs, "Discounts" in Checkout).
 * Throws a `StripeRefusal` when there is more than one, when it does not exist or can no longer be used.
 */
export function resolveDiscount(
  context: Context,
  given: readonly GivenDiscount[],
): { coupon: Records["coupon"]; code: Records["promotion_code"] | null } | null {
  const [discount, second] = given;
  if (discount === undefined) {
    return null;
  }
  if (second !== undefined) {
    throw invalid("You may only specify one discount for a Checkout Session.", { param: "discounts" });
  }
  if (discount.coupon !== undefined && discount.promotion_code !== undefined) {
    throw onlyOneOf("discounts[0][coupon]", "discounts[0][promotion_code]");
  }
  if (discount.promotion_code !== undefined) {
    const code = usableCode(context, discount.promotion_code);
    return { coupon: usableCoupon(context, code.coupon, "discounts[0][promotion_code]"), code };
  }
  if (discount.coupon !== undefined) {
    return { coupon: usableCoupon(context, discount.coupon, "discounts[0][coupon]"), code: null };
  }
  throw invalid("You must specify either a `coupon` or a `promotion_code` in `discounts[0]`.", {
    param: "discounts[0]",
  });
}

/** What comes off each line, in minor units: a percentage of each, or an amount shared out in proportion. */
export function discountLines(
  { coupon, code }: { coupon: Records["coupon"]; code: Records["promotion_code"] | null },
  lines: readonly DiscountedLine[],
  currency: string,
): number[] {
  const applies = ({ product }: DiscountedLine) => coupon.applies_to?.includes(product) ?? true;
  const bases = lines.map((line) => (applies(line) ? line.subtotal : 0));
  const base = bases.reduce((sum, subtotal) => sum + subtotal, 0);
  checkMinimum(code, lines, currency);
  if (coupon.percent_off !== null) {
    const share = coupon.percent_off / 100;
    return bases.map((subtotal) => Math.round(subtotal * share));
  }
  if (coupon.currency !== currency) {
    throw invalid(
      `The coupon \`${coupon.id}\` is in \`${coupon.currency}\`, which doesn't match the currency of this Checkout Session: \`${currency}\`.`,
      { param: "discounts[0][coupon]" },
    );
  }
  return shareOut(Math.min(coupon.amount_off ?? 0, base), bases, base);
}

function usableCode(context: Context, id: string): Records["promotion_code"] {
  const param = "discounts[0][promotion_code]";
  const code = context.store.get("promotion_code", id);
  if (code === undefined) {
    throw noSuch("promotion code", id, param);
  }
  if (!code.active || !isRedeemable(code, context.nowSeconds())) {
    throw invalid("This promotion code is not valid: it is inactive, expired, or fully redeemed.", {
      code: "promotion_code_expired",
      param,
    });
  }
  if (code.customer !== null) {
    throw notSimulated("promotion codes of one customer");
  }
  return code;
}

function usableCoupon(context: Context, id: string, param: string): Records["coupon"] {
  const coupon = context.store.get("coupon", id);
  if (coupon === undefined) {
    throw noSuch("coupon", id, param);
  }
  if (!isRedeemable(coupon, context.nowSeconds())) {
    throw invalid(`Coupon expired: ${id}`, { code: "coupon_expired", param });
  }
  return coupon;
}

function checkMinimum(
  code: Records["promotion_code"] | null,
  lines: readonly DiscountedLine[],
  currency: string,
): void {
  const total = lines.reduce((sum, { subtotal }) => sum + subtotal, 0);
  if (code?.minimum_amount && (code.minimum_amount_currency !== currency || total < code.minimum_amount)) {
    throw invalid("This promotion code cannot be redeemed because the order is below its minimum amount.", {
      param: "discounts[0][promotion_code]",
    });
  }
}

/** Whole minor units that add up to `amount` exactly: what rounding leaves over goes to the last line. */
function shareOut(amount: number, bases: readonly number[], base: number): number[] {
  const shares: number[] = [];
  let baseSeen = 0;
  let given = 0;
  for (const subtotal of bases) {
    baseSeen += subtotal;
    const due = base === 0 ? 0 : Math.round((amount * baseSeen) / base);
    shares.push(due - given);
    given = due;
  }
  return shares;
}
