import { and, eq, isNotNull, isNull, lte } from "drizzle-orm";
import { redemptions } from "../schemas/tables.ts";
import type { AdmittedRedemption } from "./admission.ts";
import { sessionStatus } from "./checkout.ts";
import { type AttemptKey, byAttempt, recordOutcome } from "./claims.ts";
import type { Engine } from "./engine.ts";
import type { Environment } from "./environments.ts";
import type { Database } from "./storage.ts";

/** Asks Stripe about sessions whose time is over. True when one of them gave its place back. Buyers who race ask once. */
export function freePlaces(
  engine: Engine,
  { caller, currentOffer }: Pick<AdmittedRedemption, "caller" | "currentOffer">,
): Promise<boolean> {
  const key = `${caller.environment.id} ${currentOffer.id}`;
  const first = engine.placesAskedFor.get(key);
  if (first !== undefined) return first;
  const asked = askForPlaces(engine, caller.environment, currentOffer.id).finally(() =>
    engine.placesAskedFor.delete(key),
  );
  engine.placesAskedFor.set(key, asked);
  return asked;
}

const mostRounds = 5;

/** A round at a time, until one gives a place back, nobody is left to ask for, or Stripe tells nothing. */
async function askForPlaces(engine: Engine, environment: Environment, offerId: string): Promise<boolean> {
  for (let round = 0; round < mostRounds; round++) {
    const holders = await lapsedHolders(engine.storage.db, environment.id, offerId, engine.now());
    if (holders.length === 0) return false;
    const statuses = await Promise.all(holders.map((holder) => sessionStatus(engine, environment, holder)));
    await engine.storage.write(async (tx) => {
      for (const [i, holder] of holders.entries()) {
        const status = statuses[i];
        if (status === "complete" || status === "expired") await recordOutcome(tx, holder, status);
        else await postponeHolder(tx, holder, engine.now());
      }
    });
    if (statuses.includes("expired")) return true;
    if (statuses.every((status) => status === "unknown")) return false;
  }
  return false;
}

/** Puts a holder of whom nothing was to be learned at the end of `lapsedHolders`. */
async function postponeHolder(tx: Database, key: AttemptKey, nowMs: number): Promise<void> {
  await tx.update(redemptions).set({ updatedAt: nowMs }).where(byAttempt(key));
}

/** Redemptions that held a place until their session's time ran out, and of which nobody has said what became. */
function lapsedHolders(db: Database, environmentId: string, offerId: string, nowMs: number) {
  return db
    .select()
    .from(redemptions)
    .where(
      and(
        eq(redemptions.environmentId, environmentId),
        eq(redemptions.offerId, offerId),
        eq(redemptions.status, "succeeded"),
        isNull(redemptions.outcome),
        isNotNull(redemptions.expiresAt),
        lte(redemptions.expiresAt, nowMs),
      ),
    )
    .orderBy(redemptions.updatedAt)
    .limit(20);
}
