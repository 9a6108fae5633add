import type { AdmittedRedemption } from "./admission.ts";
import { sessionStatus } from "./checkout.ts";
import { lapsedHolders, postponeHolder, recordOutcome } from "./claims.ts";
import type { Engine } from "./engine.ts";
import type { Environment } from "./environments.ts";

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
