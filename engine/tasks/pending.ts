import { and, asc, eq, inArray, type SQL, sql } from "drizzle-orm";
import Stripe from "stripe";
import { purchases } from "../../schemas/sales-tables.ts";
import type { Engine } from "../engine.ts";
import type { Environment } from "../environments.ts";
import { fulfill } from "../fulfill.ts";
import type { Purchase } from "../fulfilment/settling.ts";
import type { SessionState } from "../fulfilment/truth.ts";
import { isStorageError } from "../storage-fault.ts";
import type { Patience } from "./patience.ts";
import { isUnreachable, type TaskRun } from "./task-run.ts";

const pageSize = 100;

/** The pending purchases of an environment that `which` names, oldest first. Each is given once, whatever becomes of it. */
export async function* pendingPurchases(
  { storage }: Engine,
  environmentId: string,
  which: SQL | undefined,
): AsyncGenerator<Purchase[]> {
  const { createdAt, id } = purchases;
  // a literal, so that the index of the pending ones serves
  const wanted = and(eq(purchases.environmentId, environmentId), sql`${purchases.status} = 'pending'`, which);
  let last: Purchase | undefined;
  do {
    const after = last === undefined ? undefined : sql`(${createdAt}, ${id}) > (${last.createdAt}, ${last.id})`;
    const rows = storage.db.select().from(purchases).where(and(wanted, after));
    const page = await rows.orderBy(asc(createdAt), asc(id)).limit(pageSize);
    if (page.length > 0) yield page;
    last = page.length < pageSize ? undefined : page.at(-1);
  } while (last !== undefined);
}

/** Purchases of an environment to be asked about. `onUnknown` is for a session that Stripe does not know. */
export type Asking = {
  environment: Environment;
  page: readonly Purchase[];
  patience: Patience;
  onUnknown: (purchase: Purchase) => Promise<void>;
};

/**
 * What `askAbout` counts: of those `asked` each is one of the others but the last. `waiting`: for a delayed payment;
 * `unknown`: Stripe knows no such session; `errors`: no answer; `unasked`: no more patience with the account.
 */
export const askedCounts = [
  "asked",
  "completed",
  "expired",
  "failed",
  "waiting",
  "open",
  "unknown",
  "errors",
  "unasked",
] as const;

const mostAtOnce = 4;

/** Asks Stripe what became of purchases and settles what it says, a few at once. */
export async function askAbout(engine: Engine, run: TaskRun, asking: Asking): Promise<void> {
  const { environment, page, patience, onUnknown } = asking;
  const answered: string[] = [];
  await forEachAtOnce(page, async (purchase) => {
    const { accountId, sessionId } = purchase;
    if (run.signal.aborted) return;
    if (patience.isOver(accountId)) return run.count("unasked");
    run.count("asked");
    try {
      const fulfilled = await fulfill(engine, environment, { accountId, sessionId });
      run.count(resultOf(fulfilled?.purchase ?? purchase, fulfilled?.state ?? "open"));
    } catch (error) {
      if (isUnreachable(error)) patience.lose(accountId);
      if (isUnknownSession(error)) await giveOver(run, purchase, onUnknown);
      else failed(run, purchase, error);
      // what was not heard now is asked again in a minute, what Stripe or the row itself refuses later and later
      if (isUnreachable(error) || isStorageError(error)) return;
    }
    patience.regain(accountId);
    answered.push(purchase.id);
  });
  if (answered.length === 0) return;
  const askedAt = engine.now();
  await engine.storage.writeOne((tx) => tx.update(purchases).set({ askedAt }).where(inArray(purchases.id, answered)));
}

async function giveOver(run: TaskRun, purchase: Purchase, onUnknown: Asking["onUnknown"]): Promise<void> {
  try {
    await onUnknown(purchase);
    run.count("unknown");
  } catch (error) {
    failed(run, purchase, error);
  }
}

function failed(run: TaskRun, { id }: Purchase, error: unknown): void {
  run.count("errors");
  run.fail(`purchase ${id}`, error);
}

type Result = "completed" | "expired" | "failed" | "waiting" | "open";

function resultOf({ status }: Purchase, state: SessionState): Result {
  if (status === "pending") return state === "waiting" ? "waiting" : "open";
  // what was paid and then went back was completed first
  return status === "expired" || status === "failed" ? status : "completed";
}

function isUnknownSession(error: unknown): boolean {
  return error instanceof Stripe.errors.StripeInvalidRequestError && error.statusCode === 404;
}

async function forEachAtOnce<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  // one iterator for all: whoever is free takes the next
  const rest = items.values();
  const workers = Array.from({ length: mostAtOnce }, async () => {
    for (const item of rest) await work(item);
  });
  await Promise.all(workers);
}
