import type { Stripe } from "stripe";
import type { Context } from "./context.ts";
import { createPrice } from "./create-price.ts";
import { currencyOf, formatAmount, minimumCharge } from "./currencies.ts";
import { discountLines, resolveDiscount } from "./discounts.ts";
import { invalid, missing, noSuch, notSimulated, onlyOneOf } from "./errors.ts";
import { newId } from "./ids.ts";
import { mergeMetadata } from "./metadata.ts";
import type { LineItemRecord, Records } from "./records.ts";

/** What a session sells. Amounts are in minor units. */
export interface Cart {
  currency: string;
  lines: LineItemRecord[];
  discounts: Records["session"]["discounts"];
  subtotal: number;
  discount: number;
  total: number;
}

type Params = Stripe.Checkout.SessionCreateParams;
type Given = NonNullable<Params["line_items"]>[number];

/**
 * The lines and totals of a new session in payment or subscription mode (Stripe API reference, "Create a Checkout
 * Session": `line_items`, `discounts`). Recurring lines cost nothing today when there is a trial. Throws a
 * `StripeRefusal` naming the line at fault.
 */
export function readCart(context: Context, params: Params, hasTrial: boolean): Cart {
  const given = params.line_items ?? [];
  if (given.length === 0) {
    throw missing("line_items");
  }
  if (given.length > 100) {
    throw invalid("You can only pass up to 100 line items.", { param: "line_items" });
  }
  const priced = given.map((item, index) => ({ ...readLine(context, item, `line_items[${index}]`), item }));
  checkModes(priced, params.mode);
  const currency = checkCurrencies(priced, params.currency);
  const lines = priced.map(({ price, quantity }) => ({
    product: price.product,
    subtotal: hasTrial && price.recurring !== null ? 0 : price.unit_amount * quantity,
  }));
  const discount = resolveDiscount(context, params.discounts ?? []);
  const off = discount === null ? lines.map(() => 0) : discountLines(discount, lines, currency);
  const cart = sumUp(
    priced.map(({ price, quantity, item, param }, index) => {
      const subtotal = lines[index]?.subtotal ?? 0;
      const amountOff = off[index] ?? 0;
      return {
        id: newId("li"),
        price: price.id,
        description: context.store.get("product", price.product)?.name ?? price.id,
        quantity,
        currency,
        amount_subtotal: subtotal,
        amount_discount: amountOff,
        amount_total: subtotal - amountOff,
        metadata: mergeMetadata({}, item.metadata, `${param}[metadata]`),
      };
    }),
    currency,
  );
  const used = discount && { coupon: discount.coupon.id, promotion_code: discount.code?.id ?? null };
  return { ...cart, discounts: used === null ? [] : [used] };
}

interface PricedLine {
  price: Records["price"];
  quantity: number;
  param: string;
}

function readLine(context: Context, item: Given, param: string): PricedLine {
  for (const unsupported of ["adjustable_quantity", "tax_rates"] as const) {
    if (item[unsupported] !== undefined) {
      throw notSimulated(`${param}[${unsupported}]`);
    }
  }
  const price = readPrice(context, item, param);
  const { quantity } = item;
  if (quantity === undefined) {
    throw invalid(`Quantity is required. Add \`quantity\` to \`${param}\``, { param });
  }
  if (quantity < 1) {
    throw invalid("This value must be greater than or equal to 1.", {
      code: "parameter_invalid_integer",
      param: `${param}[quantity]`,
    });
  }
  return { price, quantity, param };
}

function readPrice(context: Context, item: Given, param: string): Records["price"] {
  if (item.price !== undefined && item.price_data !== undefined) {
    throw onlyOneOf(`${param}[price]`, `${param}[price_data]`);
  }
  if (item.price_data !== undefined) {
    return createPrice(context, item.price_data, `${param}[price_data]`);
  }
  if (item.price === undefined) {
    throw invalid(`You must specify either \`price\` or \`price_data\` in \`${param}\`.`, {
      code: "parameter_missing",
      param: `${param}[price]`,
    });
  }
  const price = context.store.get("price", item.price);
  if (price === undefined) {
    throw noSuch("price", item.price, `${param}[price]`);
  }
  if (!price.active) {
    throw invalid("The price specified is inactive. This field only accepts active prices.", {
      param: `${param}[price]`,
    });
  }
  if (context.store.get("product", price.product)?.active === false) {
    throw invalid(`The price specified belongs to an inactive product: '${price.product}'.`, {
      param: `${param}[price]`,
    });
  }
  return price;
}

function checkModes(lines: readonly PricedLine[], mode: Params["mode"]): void {
  const recurring = lines.filter(({ price }) => price.recurring !== null);
  const [first] = recurring;
  if (mode === "payment" && first !== undefined) {
    throw invalid(
      "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only one-time prices.",
      { param: first.param },
    );
  }
  if (mode === "subscription" && first === undefined) {
    throw invalid("You must provide at least one recurring price in `subscription` mode when using prices.", {
      param: "line_items",
    });
  }
  const rhythm = ({ price }: PricedLine) => `${price.recurring?.interval_count} ${price.recurring?.interval}`;
  if (new Set(recurring.map(rhythm)).size > 1) {
    throw invalid("Checkout does not support multiple prices with different billing intervals.", {
      param: "line_items",
    });
  }
}

function checkCurrencies(lines: readonly PricedLine[], wanted: string | undefined): string {
  const expected = wanted === undefined ? lines[0]?.price.currency : currencyOf(wanted);
  const other = lines.find(({ price }) => price.currency !== expected);
  if (expected === undefined || other !== undefined) {
    throw invalid(
      `The price specified supports currencies of \`${other?.price.currency}\` which doesn't include the expected currency of \`${expected}\`.`,
      { param: `${other?.param}[price]` },
    );
  }
  return expected;
}

function sumUp(lines: LineItemRecord[], currency: string): Omit<Cart, "discounts"> {
  const sum = (key: "amount_subtotal" | "amount_discount" | "amount_total") =>
    lines.reduce((total, line) => total + line[key], 0);
  const total = sum("amount_total");
  const least = minimumCharge(currency);
  if (total > 0 && total < least) {
    throw invalid(
      `The Checkout Session's total amount due must add up to at least ${formatAmount(least, currency)} ${currency}`,
      { code: "amount_too_small", param: "line_items" },
    );
  }
  if (total > 99_999_999) {
    throw invalid(`The Checkout Session's total amount must be no more than ${formatAmount(99_999_999, currency)}`, {
      code: "amount_too_large",
      param: "line_items",
    });
  }
  return { currency, lines, subtotal: sum("amount_subtotal"), discount: sum("amount_discount"), total };
}
