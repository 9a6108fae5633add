import { and, eq, isNull, ne } from "drizzle-orm";
import * as v from "valibot";
import { JsonObject } from "../schemas/json.ts";
import { purchases } from "../schemas/sales-tables.ts";
import type { AttemptKey, Claim } from "./claims.ts";
import { newId } from "./digest.ts";
import type { Engine } from "./engine.ts";
import type { Environment } from "./environments.ts";
import { ScripError } from "./error.ts";
import { fulfill } from "./fulfill.ts";
import type { SessionState } from "./fulfilment/truth.ts";
import { guestIn } from "./guests.ts";
import { isStorageError } from "./storage-fault.ts";
import type { StripeRequest } from "./stripe.ts";

/** Where a buyer comes back to, where that is ours to say. */
export type SaleReturn = { purchaseId: string; url: string; keyHash: string; guest: string | null };

/** What a Checkout Session is sold for. */
export type Sale = {
  claim: Claim;
  offerId: string;
  planId: string | null;
  offerVersion: number;
  return?: SaleReturn;
};

/** Whether a request creates a Checkout Session, however its path is spelt. */
export function createsCheckoutSession({ method, path }: StripeRequest): boolean {
  return method === "POST" && /^\/v1\/+checkout\/+sessions\/*$/.test(decoded(path.split("?")[0] ?? ""));
}

function decoded(pathname: string): string {
  try {
    return decodeURIComponent(pathname);
  } catch {
    return pathname;
  }
}

/**
 * Adds to a Checkout Session what leads back from Stripe to the redemption: `client_reference_id` and metadata, on the
 * session and on what it makes, so that refunds and renewals are found too. The author's own metadata stays.
 */
export function withReferences(request: StripeRequest, environmentId: string, sale: Sale): StripeRequest {
  const body = request.body ?? {};
  const references = {
    scrip_environment: environmentId,
    scrip_offering: sale.claim.offeringId,
    scrip_attempt: String(sale.claim.attempt),
    scrip_offer: sale.offerId,
    scrip_plan: sale.planId ?? "",
  };
  const made = {
    payment: "payment_intent_data",
    subscription: "subscription_data",
    setup: "setup_intent_data",
  } as const;
  const mode = v.safeParse(v.picklist(["payment", "subscription", "setup"]), body.mode);
  const child = mode.success ? made[mode.output] : undefined;
  return {
    ...request,
    body: {
      ...body,
      client_reference_id: sale.claim.offeringId,
      metadata: { ...objectOf(body.metadata), ...references },
      ...(child === undefined
        ? {}
        : {
            [child]: {
              ...objectOf(body[child]),
              metadata: { ...objectOf(objectOf(body[child]).metadata), ...references },
            },
          }),
    },
  };
}

/** The id of a purchase that is about to be recorded. */
export function newPurchaseId({ now }: Engine): string {
  return newId("pur", now());
}

const Session = v.object({
  id: v.pipe(v.string(), v.startsWith("cs_")),
  expires_at: v.nullish(v.number()),
});

/** Records the pending purchase of a session that Stripe has just made, or made before for the same key. */
export async function recordPendingPurchase(
  engine: Engine,
  { accountId, answer, sale }: { accountId: string; answer: unknown; sale: Sale },
): Promise<void> {
  const session = v.parse(Session, answer);
  const { environmentId, offeringId, identityKey, attempt } = sale.claim;
  const id = sale.return?.purchaseId ?? newPurchaseId(engine);
  const made = {
    sessionId: session.id,
    sessionExpiresAt: typeof session.expires_at === "number" ? session.expires_at * 1000 : null,
    status: "pending" as const,
    createdAt: engine.now(),
  };
  await engine.storage.write(async (tx) => {
    const recorded = await tx
      .insert(purchases)
      .values({
        id,
        environmentId,
        offeringId,
        identityKey,
        attempt,
        offerId: sale.offerId,
        planId: sale.planId,
        offerVersion: sale.offerVersion,
        accountId,
        guest: sale.return?.guest ?? guestIn(identityKey),
        returnUrl: sale.return?.url ?? null,
        returnKeyHash: sale.return?.keyHash ?? null,
        ...made,
      })
      .onConflictDoNothing()
      .returning({ id: purchases.id });
    if (recorded.length > 0 || sale.return === undefined) return;
    // Stripe forgets a key after a day: an attempt that is taken up so late gets another session, in place of one that is over
    const before = and(eq(purchases.id, id), ne(purchases.sessionId, session.id), isNull(purchases.completedAt));
    await tx.update(purchases).set(made).where(before);
  });
}

/** The sessions of one attempt. */
export function sessionsOf(engine: Engine, key: AttemptKey) {
  return engine.storage.db
    .select()
    .from(purchases)
    .where(
      and(
        eq(purchases.environmentId, key.environmentId),
        eq(purchases.offeringId, key.offeringId),
        eq(purchases.identityKey, key.identityKey),
        eq(purchases.attempt, key.attempt),
      ),
    );
}

/** What Stripe says of the sessions behind a redemption's answer; `none` when it made none. */
export type SessionStatus = "none" | "open" | "complete" | "expired" | "unknown";

/**
 * Asks Stripe, and fulfils what turns out to be paid. One complete session makes the redemption complete; it has expired
 * when all of them have, or their payment failed.
 */
export async function sessionStatus(engine: Engine, environment: Environment, key: AttemptKey): Promise<SessionStatus> {
  const sessions = await sessionsOf(engine, key);
  if (sessions.length === 0) return "none";
  const statuses = await Promise.all(
    sessions.map(async ({ accountId, sessionId }): Promise<SessionStatus> => {
      const fulfilled = await fulfill(engine, environment, { accountId, sessionId }).catch((error: unknown) => {
        if (isStorageError(error)) throw error;
        // that Stripe does not answer is for the caller to tell; anything else is for the operator to know
        if (!(error instanceof ScripError)) engine.onFault(error, `session ${sessionId} could not be fulfilled`);
        return null;
      });
      return fulfilled === null ? "unknown" : statusOf[fulfilled.state];
    }),
  );
  for (const decisive of ["complete", "unknown", "open"] as const) if (statuses.includes(decisive)) return decisive;
  return "expired";
}

/** A session whose payment is on its way is not to be sold again. */
const statusOf = {
  open: "open",
  waiting: "complete",
  paid: "complete",
  failed: "expired",
  expired: "expired",
} as const satisfies Record<SessionState, SessionStatus>;

function objectOf(value: unknown): JsonObject {
  const parsed = v.safeParse(JsonObject, value);
  return parsed.success ? parsed.output : {};
}
