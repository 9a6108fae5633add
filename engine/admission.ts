import type { ErrorCode } from "../schemas/error-codes.ts";
import type { Identity } from "../schemas/identity.ts";
import type { OfferRedemptionRequest } from "../schemas/request.ts";
import type { OfferTokenClaims } from "../schemas/token.ts";
import type { CompiledConfig, CompiledOffer, CompiledPlan } from "./config/compiled.ts";
import type { Engine } from "./engine.ts";
import { readHoldings } from "./entitlements.ts";
import type { Environment } from "./environments.ts";
import { ScripError } from "./error.ts";
import { type FilterRefusal, unavailable, wrongHoldings } from "./filters.ts";
import type { Caller } from "./keys.ts";
import { type TokenExpectation, verifyOfferToken } from "./token.ts";

/** A redemption request with what its headers said. */
export type RedemptionInput = { request: OfferRedemptionRequest; mosUserAgent: string | undefined };

/** A redemption whose token, identity and offer were found good. */
export type AdmittedRedemption = RedemptionInput & {
  caller: Caller;
  identity: Identity;
  claims: OfferTokenClaims;
  /** The configuration of the token's version. */
  soldAt: CompiledConfig;
  /** As it was when the token was issued: the price that was shown is the price that is charged. */
  offer: CompiledOffer;
  plan: CompiledPlan | null;
  /** As it is now: the method's current workflow, today's limits. */
  currentOffer: CompiledOffer;
};

/**
 * Asks whether a token may be redeemed: its signature and claims, by this identity, for an offer that is still on.
 * Throws a `ScripError` whose code names the first thing that is wrong.
 */
export async function admit(
  engine: Engine,
  caller: Caller,
  input: RedemptionInput,
  identity: Identity,
): Promise<AdmittedRedemption> {
  const nowMs = engine.now();
  const expected = { environmentId: caller.environment.id, nowMs };
  const verified = await verify(engine, caller.environment, input.request.offerToken, expected);
  if (!verified.ok) throw new ScripError(verified.code, refusalMessages[verified.code]);
  const { claims } = verified;
  if (!mayRedeem(claims, identity)) {
    throw new ScripError("token_identity_mismatch", "The offer token was issued to somebody else");
  }
  const environment = await asNewAs(engine, caller.environment, claims.version);
  const currentOffer = environment.compiled.offers.get(claims.offer);
  const soldAt = await engine.environments.version(environment.id, claims.version);
  const offer = soldAt?.offers.get(claims.offer);
  if (currentOffer === undefined || soldAt === undefined || offer === undefined)
    throw offerUnavailable("it is no longer on offer");
  const refusal =
    unavailable(currentOffer, nowMs) ?? (await ineligible(engine, environment, { claims, identity, currentOffer }));
  if (refusal !== null) throw offerUnavailable(refusal.detail);
  const plan = claims.plan === null ? null : offer.plans.find(({ id }) => id === claims.plan);
  const stillSold = plan === null || currentOffer.plans.some(({ id }) => id === claims.plan);
  if (plan === undefined || !stillSold) throw offerUnavailable("the plan is no longer on offer");
  return { ...input, caller: { ...caller, environment }, identity, claims, soldAt, offer, plan, currentOffer };
}

/** A token may come from a process that has a newer configuration in memory than this one. */
async function asNewAs(engine: Engine, environment: Environment, version: number): Promise<Environment> {
  if (version <= environment.compiled.version) return environment;
  return (await engine.environments.recheck(environment.id)) ?? environment;
}

/** A token that does not verify may have been signed by a key that another process has made a moment ago. */
async function verify(engine: Engine, environment: Environment, token: string, expected: TokenExpectation) {
  const verified = await verifyOfferToken(environment.signing, token, expected);
  if (verified.ok || verified.code !== "token_signature_invalid") return verified;
  const current = await engine.environments.recheck(environment.id);
  if (current === undefined || current.revision === environment.revision) return verified;
  return verifyOfferToken(current.signing, token, expected);
}

type Signed = Pick<AdmittedRedemption, "claims" | "identity" | "currentOffer">;

/** What somebody who signs up or in with a visitor's token holds was not known when the offer was shown. */
async function ineligible(
  engine: Engine,
  environment: Environment,
  { claims, identity, currentOffer }: Signed,
): Promise<FilterRefusal> {
  if (claims.authenticated || !identity.isAuthenticated || !currentOffer.asksForHoldings) return null;
  const holdings = await readHoldings(engine.storage, environment.id, identity.identifier, engine.now());
  return wrongHoldings(environment.compiled, currentOffer, { holdings });
}

/** An anonymous visitor's token is for that visitor, or for whoever signs up with it; a user's is for that user. */
function mayRedeem(claims: OfferTokenClaims, identity: Identity): boolean {
  if (!claims.authenticated && identity.isAuthenticated) return true;
  return claims.authenticated === identity.isAuthenticated && claims.sub === identity.identifier;
}

const refusalMessages = {
  token_malformed: "The offer token is not a token of this server: send it exactly as the decision gave it",
  token_signature_invalid: "The offer token's signature is not valid",
  token_wrong_environment: "The offer token belongs to another environment",
  token_expired: "The offer token has expired: ask for a new decision",
  token_dry_run: "The offer token comes from a dry run, which cannot be redeemed",
} as const satisfies Partial<Record<ErrorCode, string>>;

function offerUnavailable(detail: string): ScripError {
  return new ScripError("offer_unavailable", `The offer cannot be redeemed: ${detail}`);
}
