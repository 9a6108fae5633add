import { claimsOf } from "./jwt.ts";
import type { Session } from "./session-store.ts";

/**
 * The session in an answer that just came; null where there is none. Its JWT was made this moment by the server's clock,
 * which tells how far this one is off.
 */
export function sessionIn(answer: Record<string, unknown>): Session | null {
  const { jwt, refreshToken } = answer;
  if (typeof jwt !== "string" || typeof refreshToken !== "string") return null;
  const claims = claimsOf(jwt);
  return claims && { jwt, refreshToken, skewMs: claims.iat === undefined ? 0 : claims.iat * 1000 - Date.now() };
}

/** How long a session's JWT is still good: not at all where it cannot be read, for ever where it has no `exp`. */
export function remainingMs({ jwt, skewMs }: Session): number {
  const { exp = Number.POSITIVE_INFINITY } = claimsOf(jwt) ?? { exp: 0 };
  return exp * 1000 - Date.now() - skewMs;
}

/** How long before its end a JWT is renewed: a minute, or a fifth of its life where that is less. */
export function marginMs({ jwt }: Session): number {
  const { iat = 0, exp = Number.POSITIVE_INFINITY } = claimsOf(jwt) ?? {};
  return Math.min(60_000, (exp - iat) * 200);
}
