import * as v from "valibot";

/**
 * Claims of an offer token (JWS, `typ: offer+jwt`, RFC 7519 and RFC 8725 §3.11). `aud` is the environment, `jti` the
 * offering, `sub` the identity it was issued to. Nothing in it is secret, and no redemption value is ever in it.
 */
export const OfferTokenClaims = v.object({
  aud: v.string(),
  jti: v.pipe(v.string(), v.uuid()),
  sub: v.string(),
  iat: v.number(),
  exp: v.number(),
  offer: v.string(),
  version: v.pipe(v.number(), v.integer()),
  plan: v.nullable(v.string()),
  surface: v.string(),
  authenticated: v.boolean(),
  dryRun: v.optional(v.boolean(), false),
});
export type OfferTokenClaims = v.InferOutput<typeof OfferTokenClaims>;
