import type { MemberClaims, MemberUser } from "./client.d.ts";
import { isRecord } from "./page.ts";

/** The claims of a JWT, unverified: a page decides nothing with them that a server does not decide again. Null: no JWT. */
export function claimsOf(jwt: string): MemberClaims | null {
  try {
    const base64 = (jwt.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isClaims(claims) ? claims : null;
  } catch {
    return null;
  }
}

/** The member whom claims are about. Allegro's own JWTs carry one in `audience_member`. */
export function userOf(claims: MemberClaims): MemberUser {
  const { audience_member: told, sub, email, name } = claims;
  const text = (value: unknown) => (typeof value === "string" ? value : null);
  return { id: sub ?? "", email: text(email), name: text(name), ...(isRecord(told) ? told : {}) };
}

function isClaims(value: unknown): value is MemberClaims {
  const isOptional = (claim: unknown, type: string) => claim === undefined || typeof claim === type;
  return (
    isRecord(value) &&
    isOptional(value.sub, "string") &&
    isOptional(value.iat, "number") &&
    isOptional(value.exp, "number") &&
    (value.products === undefined || Array.isArray(value.products))
  );
}
