import { and, eq, inArray } from "drizzle-orm";
import { purchases, stripeEvents } from "../schemas/sales-tables.ts";
import type { Engine } from "./engine.ts";
import type { Environment } from "./environments.ts";
import type { Fulfilled, ToldEvent } from "./fulfilment/fulfilled.ts";
import { noteGrants } from "./fulfilment/grants.ts";
import { readSession } from "./fulfilment/session-truth.ts";
import { type Purchase, type StripeEventRef, settleSession } from "./fulfilment/settle-session.ts";

/** A Checkout Session of an account, and the event of Stripe that tells of it, if one did. */
export type SessionToFulfill = { accountId: string; sessionId: string; event?: StripeEventRef };

/**
 * Makes the database say what Stripe says of a session: a paid one has exactly one completed purchase and its plan's
 * entitlements, an expired or failed one none. From the webhook, the buyer's return, a repeated redemption and the
 * reconciling task, in any order, any number of times, at once; what dies in the middle is finished by the next. Throws
 * `stripe_unreachable` or `storage_unavailable` where it should be called again.
 */
export function fulfill(engine: Engine, environment: Environment, session: SessionToFulfill): Promise<Fulfilled> {
  const key = `${environment.id} ${session.accountId} ${session.sessionId}`;
  const told = session.event === undefined ? [] : [toldBy(session.event)];
  return engine.fulfilments.join(key, told, (events) => run(engine, environment, session, events));
}

async function run(
  engine: Engine,
  environment: Environment,
  { accountId, sessionId }: SessionToFulfill,
  events: readonly ToldEvent[],
): Promise<Fulfilled> {
  const purchase = await findPurchase(engine, environment.id, { accountId, sessionId });
  if (purchase === undefined) return null;
  const failed = events.some((event) => event.failed);
  const truth = await readSession(engine, environment, { accountId, sessionId, failed });
  const sold = await engine.environments.version(environment.id, purchase.offerVersion);
  if (sold === undefined) throw new Error(`${environment.id} lacks version ${purchase.offerVersion}`);
  const nowMs = engine.now();
  if (truth.state === "open" && events.length === 0) return { purchase, state: truth.state };
  const settling = { environment, sold, purchase, truth, events, nowMs };
  const { completed, granted } = await engine.storage.write((tx) => settleSession(tx, settling));
  noteGrants(engine, granted);
  const after = completed ?? (await findPurchase(engine, environment.id, { accountId, sessionId })) ?? purchase;
  return { purchase: after, state: truth.state };
}

/** Events that were handled already, among some. */
export async function handledEvents(
  engine: Engine,
  environmentId: string,
  accountId: string,
  eventIds: string[],
): Promise<Set<string>> {
  const rows = await engine.storage.db
    .select({ eventId: stripeEvents.eventId })
    .from(stripeEvents)
    .where(
      and(
        eq(stripeEvents.environmentId, environmentId),
        eq(stripeEvents.accountId, accountId),
        inArray(stripeEvents.eventId, eventIds),
      ),
    );
  return new Set(rows.map(({ eventId }) => eventId));
}

async function findPurchase(
  engine: Engine,
  environmentId: string,
  { accountId, sessionId }: SessionToFulfill,
): Promise<Purchase | undefined> {
  const [row] = await engine.storage.db
    .select()
    .from(purchases)
    .where(
      and(
        eq(purchases.environmentId, environmentId),
        eq(purchases.accountId, accountId),
        eq(purchases.sessionId, sessionId),
      ),
    );
  return row;
}

function toldBy(event: StripeEventRef): ToldEvent {
  return { ...event, failed: event.type === "checkout.session.async_payment_failed" };
}
