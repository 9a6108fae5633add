import { and, eq, inArray } from "drizzle-orm";
import { stripeEvents } from "../schemas/sales-tables.ts";
import type { Engine } from "./engine.ts";
import type { Environment } from "./environments.ts";
import type { Fulfilled, ToldEvent } from "./fulfilment/fulfilled.ts";
import { noteGrants } from "./fulfilment/grants.ts";
import { readSession } from "./fulfilment/session-truth.ts";
import { recordEvents } from "./fulfilment/settle-sessions.ts";
import type { Purchase, StripeEventRef } from "./fulfilment/settling.ts";

/**
 * A Checkout Session of an account, and the event of Stripe that tells of it, if one did. With `again` Stripe is asked of a
 * completed one too.
 */
export type SessionToFulfill = { accountId: string; sessionId: string; event?: StripeEventRef; again?: boolean };

/**
 * Makes the database say what Stripe says of a session: a paid one has exactly one completed purchase and its plan's
 * entitlements, an expired or failed one none. From the webhook, the buyer's return, a repeated redemption and the
 * reconciling task, in any order, any number of times, at once; what dies in the middle is finished by the next. Throws
 * `stripe_unreachable` or `storage_unavailable` where it should be called again.
 */
export function fulfill(engine: Engine, environment: Environment, session: SessionToFulfill): Promise<Fulfilled> {
  const key = `${environment.id} ${session.accountId} ${session.sessionId} ${session.again === true}`;
  const told = session.event === undefined ? [] : [toldBy(session.event)];
  return engine.fulfilments.join(key, told, (events) => run(engine, environment, session, events));
}

async function run(
  engine: Engine,
  environment: Environment,
  { accountId, sessionId, again = false }: SessionToFulfill,
  events: readonly ToldEvent[],
): Promise<Fulfilled> {
  const key = { environmentId: environment.id, accountId, sessionId };
  const purchase = await engine.findPurchase(key);
  if (purchase === undefined) return null;
  if (purchase.completedAt !== null && !again) {
    // what became of the payment afterwards is told by other events
    await recordAlone(engine, purchase, events);
    return { purchase, state: "paid" };
  }
  const failed = events.some((event) => event.failed);
  const truth = await readSession(engine, environment, { accountId, sessionId, failed });
  if (truth.state === "open" && events.length === 0) return { purchase, state: truth.state };
  const sold = await engine.environments.version(environment.id, purchase.offerVersion);
  if (sold === undefined) throw new Error(`${environment.id} lacks version ${purchase.offerVersion}`);
  const { completed, granted } = await engine.settle({
    environment,
    sold,
    purchase,
    truth,
    events,
    nowMs: engine.now(),
  });
  noteGrants(engine, granted);
  return { purchase: completed ?? (await engine.findPurchase(key)) ?? purchase, state: truth.state };
}

async function recordAlone(engine: Engine, purchase: Purchase, events: readonly ToldEvent[]): Promise<void> {
  if (events.length === 0) return;
  const { environmentId, accountId } = purchase;
  await engine.storage.write((tx) => recordEvents(tx, environmentId, accountId, events, engine.now()));
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

function toldBy(event: StripeEventRef): ToldEvent {
  return { ...event, failed: event.type === "checkout.session.async_payment_failed" };
}
