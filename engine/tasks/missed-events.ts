import { and, eq, sql } from "drizzle-orm";
import * as v from "valibot";
import { purchases, stripeCursors } from "../../schemas/sales-tables.ts";
import type { Engine } from "../engine.ts";
import type { Environment } from "../environments.ts";
import { handledEvents } from "../fulfill.ts";
import { readStripe, understood } from "../fulfilment/session-truth.ts";
import { recordEvents } from "../fulfilment/settle-sessions.ts";
import { handledTypes, handleStripeEvent, StripeEvent } from "../stripe-webhooks.ts";
import { createPatience } from "./patience.ts";
import { isUnreachable, type TaskRun } from "./task-run.ts";

const dayMs = 86_400_000;

/** Stripe may list an event a little after others that are younger. */
const overlapMs = 10 * 60_000;

/** As long as Stripe itself repeats a webhook ("Receive Stripe events in your webhook endpoint"). */
const longestHeldMs = 3 * dayMs;

/**
 * Reads what Stripe tells of an environment's accounts and handles what did not come by webhook: refunds, disputes and
 * renewals too. Counts `events`, and in `errors` what failed. An account with which nothing was sold is not asked.
 */
export async function readMissedEvents(engine: Engine, run: TaskRun, environment: Environment): Promise<void> {
  for (const accountId of environment.stripeAccounts.keys()) {
    if (run.signal.aborted) return;
    if (!(await hasSold(engine, environment.id, accountId))) continue;
    await readAccount(engine, run, { environment, accountId }).catch((error: unknown) => {
      run.count("errors");
      run.fail(`the events of ${accountId}`, error);
    });
  }
}

type Account = { environment: Environment; accountId: string };

async function hasSold({ storage }: Engine, environmentId: string, accountId: string): Promise<boolean> {
  const own = and(eq(purchases.environmentId, environmentId), eq(purchases.accountId, accountId));
  const rows = await storage.db.select({ id: purchases.id }).from(purchases).where(own).limit(1);
  return rows.length > 0;
}

async function readAccount(engine: Engine, run: TaskRun, account: Account): Promise<void> {
  const readUntil = await cursorOf(engine, account);
  const events = await eventsSince(engine, run, account, readUntil - overlapMs);
  const { handled, heldAt } = await handleAll(engine, run, account, events);
  const last = heldAt ?? events.at(-1)?.created;
  if (last === undefined || (handled.length === 0 && last * 1000 <= readUntil)) return;
  const { environment, accountId } = account;
  await engine.storage.write(async (tx) => {
    await recordEvents(tx, environment.id, accountId, handled, engine.now());
    // what is held back lies after the cursor, or in the overlap before it, which is read again anyway
    await tx
      .update(stripeCursors)
      .set({ readUntil: sql`max(${stripeCursors.readUntil}, ${last * 1000})` })
      .where(ofAccount(account));
  });
}

/** Up to when the account was read, in Stripe's time. Its first reading goes one day back. */
async function cursorOf(engine: Engine, account: Account): Promise<number> {
  const rows = engine.storage.db.select({ readUntil: stripeCursors.readUntil }).from(stripeCursors);
  const [row] = await rows.where(ofAccount(account));
  if (row !== undefined) return row.readUntil;
  const readUntil = engine.now() - dayMs;
  const { environment, accountId } = account;
  const first = { environmentId: environment.id, accountId, readUntil };
  await engine.storage.writeOne((tx) => tx.insert(stripeCursors).values(first).onConflictDoNothing());
  return readUntil;
}

function ofAccount({ environment, accountId }: Account) {
  return and(eq(stripeCursors.environmentId, environment.id), eq(stripeCursors.accountId, accountId));
}

const Page = v.object({ data: v.array(v.looseObject({ id: v.string() })), has_more: v.boolean() });

/**
 * Oldest first; none where the run ends before all are read. Stripe lists newest first, 100 at a time, and none that are
 * older than 30 days ("List all events").
 */
async function eventsSince(engine: Engine, run: TaskRun, { environment, accountId }: Account, sinceMs: number) {
  const query: Record<string, string | string[]> = {
    types: [...handledTypes],
    "created[gte]": String(Math.floor(sinceMs / 1000)),
    limit: "100",
  };
  const events: StripeEvent[] = [];
  for (;;) {
    if (run.signal.aborted) return [];
    const answer = await readStripe(engine, environment, accountId, "/v1/events", query);
    const { data, has_more } = understood(Page, answer);
    for (const one of data) {
      const event = v.safeParse(StripeEvent, one);
      // as in a webhook: one without an object of its own is none that concerns anybody
      if (event.success) events.push(event.output);
    }
    const after = data.at(-1)?.id;
    if (!has_more || after === undefined) return events.reverse();
    query.starting_after = after;
  }
}

/**
 * One after another. `heldAt` is when the first was made that is to be tried again: those that come after it are handled
 * all the same, unless Stripe answers no more.
 */
async function handleAll(engine: Engine, run: TaskRun, account: Account, events: readonly StripeEvent[]) {
  const { environment, accountId } = account;
  const patience = createPatience();
  const handled: StripeEvent[] = [];
  const known = await knownAmong(engine, account, events);
  let heldAt: number | undefined;
  for (const event of events) {
    if (known.has(event.id)) continue;
    if (run.signal.aborted || patience.isOver(accountId)) {
      heldAt ??= event.created;
      break;
    }
    try {
      await handleStripeEvent(engine, environment, accountId, event);
      run.count("events");
      handled.push(event);
      patience.regain(accountId);
    } catch (error) {
      run.count("errors");
      run.fail(`event ${event.id} (${event.type})`, error);
      if (isUnreachable(error)) patience.lose(accountId);
      if (event.created * 1000 > engine.now() - longestHeldMs) heldAt ??= event.created;
    }
  }
  return { handled, heldAt };
}

async function knownAmong(engine: Engine, account: Account, events: readonly StripeEvent[]): Promise<Set<string>> {
  const known = new Set<string>();
  for (let i = 0; i < events.length; i += 500) {
    const ids = events.slice(i, i + 500).map(({ id }) => id);
    for (const id of await handledEvents(engine, account.environment.id, account.accountId, ids)) known.add(id);
  }
  return known;
}
