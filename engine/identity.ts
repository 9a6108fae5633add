import type { Identity, IdentityInput } from "../schemas/identity.ts";
import { ScripError } from "./error.ts";
import type { Caller } from "./keys.ts";

/**
 * Turns an identity form into an identity (MonetizationOS). Throws `secret_key_required` for a `userIdentifier` from
 * a public key, `invalid_user_jwt`, `user_jwt_not_configured` or `jwks_unavailable`.
 */
export async function resolveIdentity(caller: Caller, input: IdentityInput, nowMs: number): Promise<Identity> {
  if (input.userIdentifier !== undefined) {
    if (caller.kind === "pk") {
      throw new ScripError("secret_key_required", "identity.userIdentifier needs a secret key: a page sends userJwt");
    }
    return { authType: "provided", isAuthenticated: true, identifier: input.userIdentifier, jwtClaims: {} };
  }
  if (input.anonymousIdentifier !== undefined) return anonymous(input.anonymousIdentifier);
  if (input.userJwt === undefined) return mintAnonymous();
  return fromJwt(caller, input.userJwt, input.createAnonymousIdentifierFallback === true, nowMs);
}

/** A key that names an identity in storage; an anonymous `x` is never an authenticated `x`. */
export function identityKey(identity: Identity): string {
  return `${identity.isAuthenticated ? "user" : "anonymous"}:${identity.identifier}`;
}

/** A stable group from 0 to 99: FNV-1a over the identifier's UTF-16 code units (MonetizationOS `testGroup100`). */
export function testGroup100(identifier: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < identifier.length; i++) hash = Math.imul(hash ^ identifier.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % 100;
}

async function fromJwt(caller: Caller, jwt: string, fallback: boolean, nowMs: number): Promise<Identity> {
  const verify = caller.environment.verifyUserJwt;
  if (verify === null) {
    if (fallback) return mintAnonymous();
    throw new ScripError(
      "user_jwt_not_configured",
      "This environment verifies no user JWTs: set userJwt in its configuration",
    );
  }
  const verified = await verify(jwt, nowMs);
  if (verified.ok) {
    const { identifier, claims } = verified;
    return { authType: "jwt", isAuthenticated: true, identifier, jwtClaims: claims };
  }
  if (fallback) return mintAnonymous();
  if (verified.reason === "invalid") throw new ScripError("invalid_user_jwt", `Invalid user JWT: ${verified.detail}`);
  throw new ScripError("jwks_unavailable", "The keys that verify user JWTs cannot be had at the moment", {
    retryAfterSeconds: 5,
    cause: verified.detail,
  });
}

function mintAnonymous(): Identity {
  return anonymous(`anon_${crypto.randomUUID()}`);
}

function anonymous(identifier: string): Identity {
  return { authType: "anonymous", isAuthenticated: false, identifier, jwtClaims: {} };
}
