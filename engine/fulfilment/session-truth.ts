import Stripe from "stripe";
import * as v from "valibot";
import type { Engine } from "../engine.ts";
import type { Environment } from "../environments.ts";
import { ScripError } from "../error.ts";
import { issuesOf } from "../issues.ts";
import type { SessionState, SessionTruth } from "./truth.ts";

const Charge = v.object({ id: v.string(), refunded: v.boolean(), disputed: v.boolean() });
export const PaymentIntent = v.object({
  id: v.string(),
  status: v.string(),
  latest_charge: v.nullish(v.union([v.string(), Charge])),
});
const Reference = v.union([v.string(), v.looseObject({ id: v.string() })]);

/** A subscription's trial. It goes on while the status says so: Stripe keeps the end of one that is over. */
export const Trial = v.object({ id: v.string(), status: v.nullish(v.string()), trial_end: v.nullish(v.number()) });

/** How an invoice was paid. */
export const InvoicePayments = v.object({
  data: v.array(
    v.object({ status: v.nullish(v.string()), payment: v.object({ payment_intent: v.nullish(Reference) }) }),
  ),
});

const Session = v.object({
  id: v.string(),
  status: v.nullable(v.picklist(["open", "complete", "expired"])),
  payment_status: v.picklist(["paid", "unpaid", "no_payment_required"]),
  mode: v.picklist(["payment", "setup", "subscription"]),
  amount_total: v.nullish(v.number()),
  currency: v.nullish(v.string()),
  customer_details: v.nullish(v.object({ email: v.nullish(v.string()) })),
  payment_intent: v.nullish(v.union([v.string(), PaymentIntent])),
  subscription: v.nullish(v.union([v.string(), Trial])),
  invoice: v.nullish(v.union([v.string(), v.object({ id: v.string(), payments: v.nullish(InvoicePayments) })])),
});

const expand = ["payment_intent.latest_charge", "invoice.payments", "subscription"];

/**
 * Asks Stripe about a session. `failed` says that an event told of a failed delayed payment, which a subscription's
 * session does not show. Throws `account_not_found`, or `stripe_unreachable` when nothing is to be learned now.
 */
export async function readSession(
  engine: Engine,
  environment: Environment,
  { accountId, sessionId, failed }: { accountId: string; sessionId: string; failed: boolean },
): Promise<SessionTruth> {
  const path = `/v1/checkout/sessions/${encodeURIComponent(sessionId)}`;
  const session = understood(Session, await readStripe(engine, environment, accountId, path, { expand }));
  // another session's payment is no payment of this one
  if (session.id !== sessionId) throw saysNothing(new Error(`asked of ${sessionId}, it tells of another session`));
  const intent = typeof session.payment_intent === "object" ? session.payment_intent : null;
  const charge = typeof intent?.latest_charge === "object" ? intent.latest_charge : null;
  const paymentIntentId = idOf(session.payment_intent) ?? invoicePaymentIntent(session.invoice);
  const blocked =
    charge === null || paymentIntentId === null
      ? { refunded: false, disputed: false }
      : await blockedBy(engine, environment, accountId, { ...charge, paymentIntentId });
  return {
    id: session.id,
    state: stateOf(session, failed),
    mode: session.mode,
    email: session.customer_details?.email ?? null,
    paymentIntentId,
    subscriptionId: idOf(session.subscription),
    amountMinor: session.amount_total ?? null,
    currency: session.currency ?? null,
    trialEndMs: typeof session.subscription === "object" ? trialEnd(session.subscription) : null,
    ...blocked,
  };
}

/** What became of a payment, asked of Stripe. */
export async function readPayment(
  engine: Engine,
  environment: Environment,
  accountId: string,
  paymentIntentId: string,
): Promise<{ refunded: boolean; disputed: boolean }> {
  const path = `/v1/payment_intents/${encodeURIComponent(paymentIntentId)}`;
  const answer = await readStripe(engine, environment, accountId, path, { expand: ["latest_charge"] });
  const { latest_charge: charge } = understood(PaymentIntent, answer);
  if (charge === null || typeof charge !== "object") return { refunded: false, disputed: false };
  return blockedBy(engine, environment, accountId, { ...charge, paymentIntentId });
}

const Disputes = v.object({ data: v.array(v.object({ status: v.string() })) });

/** A dispute takes the money away until it is won; an inquiry (`warning_…`) does not (Stripe: "How disputes work"). */
async function blockedBy(
  engine: Engine,
  environment: Environment,
  accountId: string,
  { refunded, disputed, paymentIntentId }: { refunded: boolean; disputed: boolean; paymentIntentId: string },
) {
  if (!disputed) return { refunded, disputed };
  const query = { payment_intent: paymentIntentId };
  const { data } = understood(Disputes, await readStripe(engine, environment, accountId, "/v1/disputes", query));
  return { refunded, disputed: data.some(({ status }) => status !== "won" && !status.startsWith("warning_")) };
}

/**
 * Reads from Stripe. Throws `account_not_found`, `stripe_unreachable`; what Stripe refuses for another reason (no such
 * object) is thrown as it is, because asking again would not help.
 */
export async function readStripe(
  engine: Engine,
  environment: Environment,
  accountId: string,
  path: string,
  query: Record<string, string | string[]> = {},
): Promise<unknown> {
  const secretKey = environment.stripeAccounts.get(accountId);
  if (secretKey === undefined) {
    throw new ScripError("account_not_found", `${environment.id} has no Stripe account ${accountId}: connect it`);
  }
  try {
    return await engine.stripe(secretKey).rawRequest("GET", `${path}${queryOf(query)}`);
  } catch (error) {
    if (error instanceof Stripe.errors.StripeInvalidRequestError) throw error;
    // of an answer that is JSON but no object the library makes a TypeError
    if (!(error instanceof Stripe.errors.StripeError || error instanceof TypeError)) throw error;
    throw saysNothing(error);
  }
}

/** An answer of Stripe in the form that is known. Throws `stripe_unreachable`: of another one there is nothing to learn. */
export function understood<const T extends v.GenericSchema>(schema: T, answer: unknown): v.InferOutput<T> {
  const parsed = v.safeParse(schema, answer);
  if (parsed.success) return parsed.output;
  const wrong = issuesOf(parsed.issues.slice(0, 3)).map(({ path, message }) => `${path} ${message}`.trim());
  throw saysNothing(new Error(`its answer has no form that is known: ${wrong.join(", ")}`));
}

function saysNothing(cause: unknown): ScripError {
  return new ScripError("stripe_unreachable", "Stripe does not say what became of a payment: try again", {
    retryAfterSeconds: 5,
    cause,
  });
}

/** Whether Stripe refused to answer because it has no such object in the account. */
export function isMissing(error: unknown): boolean {
  return error instanceof Stripe.errors.StripeInvalidRequestError && error.code === "resource_missing";
}

/** Stripe's own notation: `expand[]=a&expand[]=b`. */
function queryOf(query: Record<string, string | string[]>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    typeof value === "string" ? [[name, value]] : value.map((item) => [`${name}[]`, item]),
  );
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
}

function stateOf(session: v.InferOutput<typeof Session>, failed: boolean): SessionState {
  if (session.status !== "complete") return session.status === "expired" ? "expired" : "open";
  if (session.payment_status !== "unpaid") return "paid";
  const intent = typeof session.payment_intent === "object" ? session.payment_intent : null;
  return failed || intent?.status === "requires_payment_method" || intent?.status === "canceled" ? "failed" : "waiting";
}

/** When a trial that goes on ends, in milliseconds since the epoch. */
export function trialEnd(trial: v.InferOutput<typeof Trial> | null | undefined): number | null {
  if (trial?.status !== "trialing" || typeof trial.trial_end !== "number") return null;
  return trial.trial_end * 1000;
}

/** The id of something that Stripe gives as an id or, expanded, as an object. */
export function idOf(reference: string | { id: string } | null | undefined): string | null {
  if (reference === null || reference === undefined) return null;
  return typeof reference === "string" ? reference : reference.id;
}

function invoicePaymentIntent(invoice: v.InferOutput<typeof Session>["invoice"]): string | null {
  return typeof invoice === "object" ? payingIntent(invoice?.payments) : null;
}

/**
 * The PaymentIntent that an invoice was or is to be paid by; null for one that cost nothing. Those that were given up are
 * in the list too (Stripe API reference, "The Invoice Payment object": `canceled`).
 */
export function payingIntent(payments: v.InferOutput<typeof InvoicePayments> | null | undefined): string | null {
  const all = payments?.data ?? [];
  const paid = all.filter(({ status }) => status === "paid");
  for (const { payment } of [...paid, ...all]) {
    const id = idOf(payment.payment_intent);
    if (id !== null) return id;
  }
  return null;
}
