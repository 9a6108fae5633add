import type { PresentedOffer } from "../schemas/decision.ts";
import type { Identity } from "../schemas/identity.ts";
import type { CompiledOffer } from "./config/compiled.ts";
import { type SigningKey, signOfferToken } from "./token.ts";

/** For whom and where offers are presented. */
export type PresentationContext = {
  environmentId: string;
  version: number;
  surface: string;
  identity: Identity;
  key: SigningKey;
  ttlSeconds: number;
  dryRun: boolean;
  nowMs: number;
};

/** A presented offer and the offering ids of its tokens. */
export type Presentation = { presented: PresentedOffer; offeringIds: string[] };

/** Signs an offer: one token for each of its plans, or one for an offer without plans. */
export async function presentOffer(context: PresentationContext, offer: CompiledOffer): Promise<Presentation> {
  const base = { id: offer.id, presentation: offer.offer.presentation, redemptionSchema: offer.method.schema };
  const [first, ...rest] = offer.plans;
  if (first === undefined) {
    const { token, offeringId } = await issue(context, offer, null);
    return { presented: { ...base, token }, offeringIds: [offeringId] };
  }
  const issued = await Promise.all(
    [first, ...rest].map(async (plan) => ({ plan, ...(await issue(context, offer, plan.id)) })),
  );
  const plans = issued.map(({ plan, token }) => ({ ...plan.shown, token }));
  const token = plans[0]?.token ?? "";
  return { presented: { ...base, token, plans }, offeringIds: issued.map(({ offeringId }) => offeringId) };
}

async function issue(context: PresentationContext, offer: CompiledOffer, planId: string | null) {
  const offeringId = crypto.randomUUID();
  const iat = Math.floor(context.nowMs / 1000);
  // a token never outlives its offer's window
  const exp = Math.min(iat + context.ttlSeconds, Math.ceil(offer.until / 1000));
  const token = await signOfferToken(context.key, {
    aud: context.environmentId,
    jti: offeringId,
    sub: context.identity.identifier,
    iat,
    exp,
    offer: offer.id,
    version: context.version,
    plan: planId,
    surface: context.surface,
    authenticated: context.identity.isAuthenticated,
    dryRun: context.dryRun,
  });
  return { token, offeringId };
}
