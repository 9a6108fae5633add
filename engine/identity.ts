import type { Identity, IdentityInput } from "../schemas/identity.ts";
import type { Engine } from "./engine.ts";
import { ScripError } from "./error.ts";
import type { Caller } from "./keys.ts";
import { labelOf, verifyMemberJwt } from "./member-jwt.ts";
import { isSessionOpen } from "./member-sessions.ts";
import { isStorageError } from "./storage-fault.ts";
import type { UserJwtVerifier } from "./user-jwt.ts";

/**
 * Turns an identity form into an identity (MonetizationOS). A `userJwt` is a member JWT of this server, or one that the
 * environment's settings verify. Throws `secret_key_required` for a `userIdentifier` from a public key,
 * `invalid_user_jwt`, `user_jwt_not_configured` or `jwks_unavailable`; rejects where a member's session cannot be read.
 */
export async function resolveIdentity(engine: Engine, caller: Caller, input: IdentityInput): Promise<Identity> {
  if (input.userIdentifier !== undefined) {
    if (caller.kind === "pk") {
      throw new ScripError("secret_key_required", "identity.userIdentifier needs a secret key: a page sends userJwt");
    }
    return { authType: "provided", isAuthenticated: true, identifier: input.userIdentifier, jwtClaims: {} };
  }
  if (input.anonymousIdentifier !== undefined) return anonymous(input.anonymousIdentifier);
  if (input.userJwt === undefined) return mintAnonymous();
  const fallback = input.createAnonymousIdentifierFallback === true;
  const { verifyUserJwt, id } = caller.environment;
  const { issuedHere, isMemberJwt } = labelOf(engine, input.userJwt);
  // another server's member JWTs may be a site's own: then its settings verify them
  if (issuedHere || (isMemberJwt && verifyUserJwt === null)) return fromMemberJwt(engine, id, input.userJwt, fallback);
  return fromJwt(verifyUserJwt, input.userJwt, fallback, engine.now());
}

/**
 * The member or guest of a member JWT of this environment. Throws `invalid_user_jwt`, also where the session was ended;
 * rejects where that cannot be read: a session is not taken to go on because nobody says otherwise.
 */
export async function identifyMember(engine: Engine, environmentId: string, jwt: string): Promise<Identity> {
  const verified = await verifyMemberJwt(engine, environmentId, jwt);
  if (!verified.ok) throw invalidJwt(verified.detail);
  const { claims } = verified;
  if (!(await isSessionOpen(engine, claims))) throw invalidJwt("its session has ended");
  return { authType: "jwt", isAuthenticated: true, identifier: claims.sub, jwtClaims: claims };
}

/** A key that names an identity in storage; an anonymous `x` is never an authenticated `x`. */
export function identityKey(identity: Pick<Identity, "identifier" | "isAuthenticated">): string {
  return `${identity.isAuthenticated ? "user" : "anonymous"}:${identity.identifier}`;
}

/** A stable group from 0 to 99: FNV-1a over the identifier's UTF-16 code units (MonetizationOS `testGroup100`). */
export function testGroup100(identifier: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < identifier.length; i++) hash = Math.imul(hash ^ identifier.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % 100;
}

async function fromMemberJwt(engine: Engine, environmentId: string, jwt: string, fallback: boolean): Promise<Identity> {
  try {
    return await identifyMember(engine, environmentId, jwt);
  } catch (error) {
    if (fallback && (error instanceof ScripError || isStorageError(error))) return mintAnonymous();
    throw error;
  }
}

async function fromJwt(
  verify: UserJwtVerifier | null,
  jwt: string,
  fallback: boolean,
  nowMs: number,
): Promise<Identity> {
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
  if (verified.reason === "invalid") throw invalidJwt(verified.detail);
  throw new ScripError("jwks_unavailable", "The keys that verify user JWTs cannot be had at the moment", {
    retryAfterSeconds: 5,
    cause: verified.detail,
  });
}

function invalidJwt(detail: string): ScripError {
  return new ScripError("invalid_user_jwt", `Invalid user JWT: ${detail}`);
}

function mintAnonymous(): Identity {
  return anonymous(`anon_${crypto.randomUUID()}`);
}

function anonymous(identifier: string): Identity {
  return { authType: "anonymous", isAuthenticated: false, identifier, jwtClaims: {} };
}
