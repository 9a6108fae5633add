import { eq } from "drizzle-orm";
import { LRUCache } from "lru-cache";
import Stripe from "stripe";
import * as v from "valibot";
import { stripeAccounts } from "../schemas/tables.ts";
import type { Engine } from "./engine.ts";
import type { Environment } from "./environments.ts";
import { ScripError } from "./error.ts";
import { fulfill, handledEvents } from "./fulfill.ts";
import { idOf } from "./fulfilment/session-truth.ts";
import { syncPayment } from "./fulfilment/sync-payment.ts";
import { syncSubscription } from "./fulfilment/sync-subscription.ts";
import type { Storage } from "./storage.ts";

/** A webhook of Stripe as it came: the raw body, byte for byte, and the `Stripe-Signature` header. */
export type StripeWebhook = { accountId: string; body: string; signature: string };

const toleranceSeconds = 300;

/** Throws `account_not_found` where no environment has the account: nobody else's body is to be read. */
export async function expectStripeAccount(engine: Engine, accountId: string): Promise<void> {
  await ownersOfAccount(engine, accountId);
}

/**
 * Takes a webhook of a Stripe account: checks its signature with every secret that the account has in any environment,
 * and handles the event, once in each environment that it concerns. Throws `account_not_found`,
 * `webhook_signature_invalid`, `invalid_json`, and whatever keeps it from being handled now, so that Stripe sends it again.
 */
export async function receiveStripeWebhook(engine: Engine, webhook: StripeWebhook): Promise<void> {
  const environments = await environmentsOf(engine, webhook.accountId);
  const known = await signedFor(engine, environments, webhook);
  // a secret that another process has just added is not in memory yet: one look at the database, then the answer stands
  const concerned =
    known.length > 0 ? known : await signedFor(engine, await changedSince(engine, environments), webhook);
  if (concerned.length === 0) {
    throw new ScripError(
      "webhook_signature_invalid",
      "The webhook's signature is not valid: compare the signing secret with Stripe's, and the clocks",
    );
  }
  const parsed = v.safeParse(StripeEvent, concerned[0]?.event);
  // an event of a kind that carries no object is none that we handle
  if (!parsed.success) return;
  // one environment that cannot handle it now keeps no other from it
  const handled = await Promise.allSettled(
    concerned.map(({ environment }) => handleStripeEvent(engine, environment, webhook.accountId, parsed.output)),
  );
  for (const one of handled) if (one.status === "rejected") throw one.reason;
}

const Reference = v.nullish(v.union([v.string(), v.looseObject({ id: v.string() })]));
const Metadata = v.nullish(v.record(v.string(), v.string()));

const SubscriptionDetails = v.nullish(v.object({ subscription: Reference, metadata: Metadata }));

/**
 * Of an event, what says where to look: nothing in it is believed but ids. An event is in the form of its endpoint's or
 * account's API version, whichever this server asks with: before `2025-03-31.basil` an invoice named its subscription itself.
 */
export const StripeEvent = v.object({
  id: v.string(),
  type: v.string(),
  created: v.number(),
  data: v.object({
    object: v.object({
      id: v.string(),
      payment_intent: Reference,
      metadata: Metadata,
      parent: v.nullish(v.object({ subscription_details: SubscriptionDetails })),
      subscription: Reference,
      subscription_details: SubscriptionDetails,
    }),
  }),
});
export type StripeEvent = v.InferOutput<typeof StripeEvent>;

/** The types of event that change who has access. */
export const handledTypes = [
  "checkout.session.completed",
  "checkout.session.async_payment_succeeded",
  "checkout.session.async_payment_failed",
  "checkout.session.expired",
  "charge.refunded",
  "charge.dispute.created",
  // an inquiry that becomes a chargeback is not created again
  "charge.dispute.funds_withdrawn",
  "charge.dispute.closed",
  "customer.subscription.updated",
  "customer.subscription.deleted",
  "invoice.paid",
] as const;

/** Handles an event in one environment, unless that has happened. Rejects when it should be tried again. */
export async function handleStripeEvent(
  engine: Engine,
  environment: Environment,
  accountId: string,
  event: StripeEvent,
): Promise<void> {
  if (!isHandled(event.type) || isForAnother(environment, event)) return;
  const { object } = event.data;
  const common = { accountId, event: { id: event.id, type: event.type } };
  // a session that is completed already asks nobody anything
  if (event.type.startsWith("checkout.session.")) {
    await fulfill(engine, environment, { ...common, sessionId: object.id });
    return;
  }
  if ((await handledEvents(engine, environment.id, accountId, [event.id])).size > 0) return;
  const paymentIntentId = idOf(object.payment_intent);
  switch (event.type) {
    case "charge.refunded":
    case "charge.dispute.created":
    case "charge.dispute.funds_withdrawn":
    case "charge.dispute.closed":
      if (paymentIntentId !== null) await syncPayment(engine, environment, { ...common, paymentIntentId });
      return;
    case "customer.subscription.updated":
    case "customer.subscription.deleted":
      return syncSubscription(engine, environment, { ...common, subscriptionId: object.id, invoiceId: null });
    case "invoice.paid": {
      const subscriptionId = idOf(object.parent?.subscription_details?.subscription ?? object.subscription);
      if (subscriptionId === null) return;
      return syncSubscription(engine, environment, { ...common, subscriptionId, invoiceId: object.id });
    }
  }
}

function isHandled(type: string): boolean {
  return handledTypes.some((handled) => handled === type);
}

/** One account may serve several environments: what was made for one is not the others' matter. */
function isForAnother({ id }: Environment, { data: { object } }: StripeEvent): boolean {
  const details = object.parent?.subscription_details ?? object.subscription_details;
  const metadata = details?.metadata ?? object.metadata;
  const named = metadata?.scrip_environment;
  return named !== undefined && named !== id;
}

async function environmentsOf(engine: Engine, accountId: string): Promise<Environment[]> {
  const ids = await ownersOfAccount(engine, accountId);
  const found = await Promise.all(ids.map((id) => engine.environments.get(id)));
  return found.flatMap((environment) => environment ?? []);
}

async function ownersOfAccount(engine: Engine, accountId: string): Promise<string[]> {
  return ownersOf(engine.storage).get(accountId) ?? (await readOwners(engine, accountId));
}

/** Which environments have an account seldom changes, and is asked for every event: a second old is new enough. */
const owners = new WeakMap<Storage, LRUCache<string, string[]>>();

function ownersOf(storage: Storage): LRUCache<string, string[]> {
  const known = owners.get(storage) ?? new LRUCache<string, string[]>({ max: 1000, ttl: 1000 });
  owners.set(storage, known);
  return known;
}

async function readOwners(engine: Engine, accountId: string): Promise<string[]> {
  const { environmentId } = stripeAccounts;
  const rows = await engine.storage.db
    .select({ environmentId })
    .from(stripeAccounts)
    .where(eq(stripeAccounts.accountId, accountId));
  if (rows.length === 0) {
    throw new ScripError("account_not_found", `No environment has the Stripe account ${accountId}`);
  }
  const ids = rows.map((row) => row.environmentId);
  ownersOf(engine.storage).set(accountId, ids);
  return ids;
}

type Signed = { environment: Environment; event: unknown };

/** Those environments one of whose secrets has signed a webhook, with the event that it tells of. */
async function signedFor(engine: Engine, environments: Environment[], webhook: StripeWebhook): Promise<Signed[]> {
  const verified = await Promise.all(
    environments.map(async (environment) => ({ environment, event: await verify(engine, environment, webhook) })),
  );
  return verified.filter(({ event }) => event !== null);
}

async function changedSince(engine: Engine, environments: Environment[]): Promise<Environment[]> {
  const current = await Promise.all(environments.map(({ id }) => engine.environments.recheck(id)));
  return current.flatMap((environment, i) =>
    environment === undefined || environment.revision === environments[i]?.revision ? [] : [environment],
  );
}

/** Stripe's library takes any time from the future for fresh: that is looked at here. */
async function verify(engine: Engine, environment: Environment, webhook: StripeWebhook): Promise<unknown> {
  const { accountId, body, signature } = webhook;
  const nowSeconds = Math.floor(engine.now() / 1000);
  const signedAt = [...signature.matchAll(/(?:^|,)t=([^,]*)/g)].map(([, seconds]) => Number(seconds));
  if (!signedAt.every((seconds) => seconds <= nowSeconds + toleranceSeconds)) return null;
  for (const secret of environment.stripeWebhookSecrets.get(accountId) ?? []) {
    try {
      // without a provider the library takes the fastest that its runtime has
      const receivedAt = engine.now();
      const { webhooks } = Stripe;
      return await webhooks.constructEventAsync(body, signature, secret, toleranceSeconds, undefined, receivedAt);
    } catch (error) {
      // the body is parsed once its signature has been found to be good
      if (error instanceof SyntaxError) throw new ScripError("invalid_json", "The webhook is signed, but is not JSON");
      if (!(error instanceof Stripe.errors.StripeSignatureVerificationError)) throw error;
    }
  }
  return null;
}
