import { createLocalJWKSet, createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey, jwtVerify } from "jose";
import * as v from "valibot";
import type { UserJwt } from "../schemas/config.ts";
import { Identifier } from "../schemas/identity.ts";
import { JsonObject } from "../schemas/json.ts";

/** The outcome of verifying a user's JWT: who it names, or why not. */
export type UserJwtVerification =
  | { ok: true; identifier: string; claims: JsonObject }
  | { ok: false; reason: "invalid" | "keys-unavailable"; detail: string };

/** Verifies user JWTs of one environment. Never rejects. */
export type UserJwtVerifier = (jwt: string, nowMs: number) => Promise<UserJwtVerification>;

/**
 * Makes the verifier for an environment's settings. Algorithms are the operator's allow-list, asymmetric only
 * (RFC 8725 §3.1); `exp` is demanded, because a token that never ends cannot be taken back.
 */
export function createUserJwtVerifier(settings: UserJwt, fetch: typeof globalThis.fetch): UserJwtVerifier {
  const keys = keySet(settings, fetch);
  return async (jwt, nowMs) => {
    try {
      const { payload } = await jwtVerify(jwt, keys, {
        algorithms: settings.algorithms,
        currentDate: new Date(nowMs),
        requiredClaims: ["exp", settings.identifierClaim],
        ...(settings.issuer === undefined ? {} : { issuer: settings.issuer }),
        ...(settings.audience === undefined ? {} : { audience: settings.audience }),
      });
      const claims = v.parse(JsonObject, payload);
      const identifier = claims[settings.identifierClaim];
      if (!v.is(Identifier, identifier)) {
        return { ok: false, reason: "invalid", detail: `claim ${settings.identifierClaim} is not an identifier` };
      }
      return { ok: true, identifier, claims };
    } catch (error) {
      const fault = isKeyFault(error) ? "keys-unavailable" : "invalid";
      return { ok: false, reason: fault, detail: error instanceof Error ? error.message : "unknown error" };
    }
  };
}

function keySet(settings: UserJwt, fetch: typeof globalThis.fetch): JWTVerifyGetKey {
  if (settings.jwksUri === undefined) return createLocalJWKSet({ keys: localKeys(settings) });
  return createRemoteJWKSet(new URL(settings.jwksUri), { [customFetch]: fetch, timeoutDuration: 3000 });
}

const Jwk = v.looseObject({ kty: v.string() });

function localKeys(settings: UserJwt): v.InferOutput<typeof Jwk>[] {
  return v.parse(v.array(Jwk), settings.jwks?.keys ?? []);
}

/** A key set that cannot be had is our trouble, not a wrong token. */
function isKeyFault(error: unknown): boolean {
  if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) return true;
  if (!(error instanceof errors.JOSEError)) return true;
  return error.code === "ERR_JOSE_GENERIC";
}
