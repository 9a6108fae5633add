import type { Context } from "../context.ts";
import { formatAmount } from "../currencies.ts";
import type { Records } from "../records.ts";
import { asksForPayment, sessionMethods } from "../session-methods.ts";

type SessionRecord = Records["session"];

/** What a session sells, in words. */
export interface Summary {
  merchant: string;
  /** Above the amount: what it is for. */
  heading: string;
  /** The large figure: what is paid today, or the length of the trial. */
  headline: string;
  /** Beside it: "per month". */
  rhythm: string;
  /** Below it: what comes after a trial. */
  afterwards: string;
  lines: SummaryLine[];
  subtotal: string;
  discount: { label: string; amount: string } | null;
  total: string;
  button: string;
  /** Whether it asks for a payment at all, and whether a bank debit is a way to pay. */
  asks: boolean;
  bankDebit: boolean;
}

/** One line of the order. */
export interface SummaryLine {
  name: string;
  details: string[];
  amount: string;
}

/** A session in the words of the hosted page (Stripe docs, "How Checkout works"). */
export function summarize(context: Context, session: SessionRecord): Summary {
  const currency = session.currency ?? "usd";
  const total = session.amount_total ?? 0;
  const lines = session.line_items.map((item) => lineOf(context, session, item));
  const trial = trialOf(context, session);
  const rhythm = lines.find((line) => line.rhythm !== "")?.rhythm ?? "";
  return {
    merchant: context.store.list("account")[0]?.name ?? "",
    heading: headingOf(session, lines),
    headline: trial ?? (session.mode === "setup" ? "Save a card" : formatAmount(total, currency)),
    rhythm: trial === null ? rhythm : "",
    afterwards: trial === null ? "" : `Then ${formatAmount(recurringTotal(context, session), currency)} ${rhythm}`,
    lines: lines.map(({ name, details, amount }) => ({ name, details, amount })),
    subtotal: formatAmount(session.amount_subtotal ?? 0, currency),
    discount:
      session.amount_discount === 0
        ? null
        : { label: discountLabel(context, session), amount: `−${formatAmount(session.amount_discount, currency)}` },
    total: formatAmount(total, currency),
    button: buttonOf(session, trial !== null, formatAmount(total, currency)),
    asks: asksForPayment(session),
    bankDebit: sessionMethods(session).some((method) => method !== "card"),
  };
}

function headingOf({ mode }: SessionRecord, lines: readonly SummaryLine[]): string {
  const [first, second] = lines;
  if (first === undefined) {
    return "For later payments";
  }
  if (mode === "subscription") {
    return second === undefined
      ? `Subscribe to ${first.name}`
      : `Subscribe to ${first.name} and ${lines.length - 1} more`;
  }
  return second === undefined ? first.name : `${first.name} and ${lines.length - 1} more`;
}

function lineOf(
  context: Context,
  session: SessionRecord,
  item: SessionRecord["line_items"][number],
): SummaryLine & { rhythm: string } {
  const price = context.store.get("price", item.price);
  const description = context.store.get("product", price?.product ?? "")?.description ?? "";
  const unit = formatAmount(price?.unit_amount ?? 0, item.currency);
  const full = formatAmount((price?.unit_amount ?? 0) * item.quantity, item.currency);
  const many = item.quantity > 1 ? `${item.quantity} × ${unit}` : "";
  const rhythm = price?.recurring ? `per ${period(price.recurring)}` : "";
  const trial = price?.recurring ? trialOf(context, session) : null;
  const billed = price?.recurring ? `Billed ${billing(price.recurring)}` : "";
  const later = trial === null ? billed : `${full} ${rhythm} after`;
  return { name: item.description, details: [description, many, later].filter(Boolean), amount: trial ?? full, rhythm };
}

type Rhythm = NonNullable<Records["price"]["recurring"]>;

function period({ interval, interval_count: count }: Rhythm): string {
  return count === 1 ? interval : `${count} ${interval}s`;
}

function billing(rhythm: Rhythm): string {
  const names = { day: "daily", week: "weekly", month: "monthly", year: "yearly" };
  return rhythm.interval_count === 1 ? names[rhythm.interval] : `every ${period(rhythm)}`;
}

function trialOf({ nowSeconds }: Context, { made }: SessionRecord): string | null {
  const untilEnd = made.trial_end === null ? null : Math.ceil((made.trial_end - nowSeconds()) / 86_400);
  const days = made.trial_period_days ?? untilEnd;
  if (days === null) {
    return null;
  }
  return days === 1 ? "1 day free" : `${days} days free`;
}

function recurringTotal({ store }: Context, { line_items }: SessionRecord): number {
  return line_items
    .map(({ price, quantity }) => ({ price: store.get("price", price), quantity }))
    .reduce((sum, { price, quantity }) => sum + (price?.recurring ? price.unit_amount * quantity : 0), 0);
}

function discountLabel({ store }: Context, { discounts: [used] }: SessionRecord): string {
  const coupon = store.get("coupon", used?.coupon ?? "");
  const code = used?.promotion_code ? store.get("promotion_code", used.promotion_code)?.code : undefined;
  const share = coupon?.percent_off ? ` (${coupon.percent_off}% off)` : "";
  return `${code ?? coupon?.name ?? "Discount"}${share}`;
}

function buttonOf({ mode, amount_total, echoed }: SessionRecord, hasTrial: boolean, total: string): string {
  if (mode === "setup") {
    return "Save card";
  }
  if (mode === "subscription") {
    return hasTrial ? "Start trial" : "Subscribe";
  }
  if (!amount_total) {
    return "Complete order";
  }
  const verbs: Record<string, string> = { book: "Book", donate: "Donate", subscribe: "Subscribe" };
  return `${verbs[echoed.submit_type ?? ""] ?? "Pay"} ${total}`;
}
