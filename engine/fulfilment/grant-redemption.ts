import type { AdmittedRedemption } from "../admission.ts";
import type { Claim } from "../claims.ts";
import { settleOutcome } from "../claims.ts";
import { stripeCheckoutSchema } from "../instructions.ts";
import type { Database } from "../storage.ts";
import { type Entitlement, grant, soldPlan } from "./grants.ts";
import { remember } from "./history.ts";
import { findOrMakeMember } from "./members.ts";
import { announce } from "./messages.ts";

/** A redemption whose workflow succeeded. */
export type SucceededRedemption = { admitted: AdmittedRedemption; claim: Claim; eventId: string; nowMs: number };

/**
 * Whether a redemption's success is all that its plan asks for: it has no price, and nothing is sold through Stripe
 * Checkout. A visitor has no account that could hold anything: signing up comes first.
 */
export function isCompletedByRedemption({ plan, offer, identity }: AdmittedRedemption): boolean {
  const isFree = plan !== null && plan.plan.price === null && offer.method.schema !== stripeCheckoutSchema;
  return isFree && identity.isAuthenticated;
}

/** Grants a free plan, inside the transaction that settles its redemption. It is complete then: once is enough. */
export async function grantRedemption(tx: Database, succeeded: SucceededRedemption): Promise<Entitlement[]> {
  const { admitted, claim, eventId, nowMs } = succeeded;
  const { environment } = admitted.caller;
  const { identity, offer } = admitted;
  // as it was when the token was issued, whether or not today's configuration still has it
  const plan = admitted.plan === null ? undefined : soldPlan(admitted.soldAt, admitted.plan.id);
  if (plan === undefined) return [];
  const { member, isNew } = await findOrMakeMember(tx, environment.id, { identifier: identity.identifier }, nowMs);
  const subject = `${claim.offeringId}:${claim.identityKey}`;
  const granted = await grant(tx, {
    environmentId: environment.id,
    identifier: member.identifier,
    guest: null,
    memberId: member.id,
    plan,
    cause: `redemption:${subject}`,
    offerId: offer.id,
    offeringId: claim.offeringId,
    purchaseId: null,
    paymentIntentId: null,
    startMs: nowMs,
    nowMs,
  });
  await settleOutcome(tx, claim, "complete");
  const data = { offerId: offer.id, planId: plan.id, eventId, entitlements: granted.map(({ id }) => id) };
  const event = { environmentId: environment.id, memberId: member.id, type: "redemption" as const, subject, data };
  await remember(tx, [event], nowMs);
  const about = { purchase: null, memberId: member.id, changed: granted, cause: "redemption" as const, nowMs };
  await announce(tx, environment, { ...about, newMember: isNew ? member : null });
  return granted;
}
