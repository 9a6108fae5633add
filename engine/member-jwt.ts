import { decodeJwt, decodeProtectedHeader, errors, jwtVerify, SignJWT } from "jose";
import * as v from "valibot";
import { MemberJwtClaims } from "../schemas/member-jwt.ts";
import type { Engine } from "./engine.ts";
import { memberJwtLifeMs } from "./member-keys.ts";

const algorithm = "ES256";
const tokenType = "member+jwt";

/** What a member JWT says. It is good until `notAfterMs`, and for 15 minutes at most. */
export type MemberJwtContent = {
  environmentId: string;
  identifier: string;
  sessionId: string;
  /** Slugs of what is active. */
  products: string[];
  notAfterMs: number;
};

/** The outcome of verifying a member JWT. `detail` says what is wrong and repeats nothing of the token. */
export type MemberJwtVerification = { ok: true; claims: MemberJwtClaims } | { ok: false; detail: string };

/** Signs a member JWT with the key in force. Resolves with its text and its end. */
export async function signMemberJwt(
  engine: Engine,
  { environmentId, identifier, sessionId, products, notAfterMs }: MemberJwtContent,
): Promise<{ jwt: string; expiresAtMs: number }> {
  const { kid, privateKey } = await engine.memberKeys.signing();
  const nowMs = engine.now();
  // whole seconds (RFC 7519 §2), rounded down: never past the end
  const exp = Math.floor(Math.min(nowMs + memberJwtLifeMs, notAfterMs) / 1000);
  const jwt = await new SignJWT({ products, sid: sessionId })
    .setProtectedHeader({ alg: algorithm, typ: tokenType, kid })
    .setSubject(identifier)
    .setIssuer(engine.publicUrl)
    .setAudience(environmentId)
    .setIssuedAt(Math.floor(nowMs / 1000))
    .setExpirationTime(exp)
    .setJti(crypto.randomUUID())
    .sign(privateKey);
  return { jwt, expiresAtMs: exp * 1000 };
}

/**
 * Verifies a member JWT for one environment now: algorithm, type, issuer and audience are fixed, the key is chosen by `kid`
 * among this server's published ones (RFC 8725 §3.1, §3.5, §3.8, §3.9, §3.11). Whether its session goes on is not asked
 * here. Rejects only where the keys cannot be read.
 */
export async function verifyMemberJwt(
  engine: Engine,
  environmentId: string,
  jwt: string,
): Promise<MemberJwtVerification> {
  try {
    const { payload } = await jwtVerify(jwt, ({ kid }) => keyOf(engine, kid), {
      algorithms: [algorithm],
      typ: tokenType,
      issuer: engine.publicUrl,
      audience: environmentId,
      currentDate: new Date(engine.now()),
    });
    const claims = v.safeParse(MemberJwtClaims, payload);
    return claims.success ? { ok: true, claims: claims.output } : { ok: false, detail: "it lacks a claim" };
  } catch (error) {
    if (error instanceof errors.JOSEError) return { ok: false, detail: error.message };
    throw error;
  }
}

/** What a JWT says of itself, unverified: good only for choosing who verifies it. */
export type JwtLabel = { issuedHere: boolean; isMemberJwt: boolean; audience: string | undefined };

/** Reads whether a JWT names this server as its issuer, whether it says to be a member JWT, and for which environment. */
export function labelOf(engine: Engine, jwt: string): JwtLabel {
  try {
    const { iss, aud } = decodeJwt(jwt);
    const { typ } = decodeProtectedHeader(jwt);
    return {
      issuedHere: iss === engine.publicUrl,
      isMemberJwt: typ === tokenType,
      audience: typeof aud === "string" ? aud : undefined,
    };
  } catch {
    return { issuedHere: false, isMemberJwt: false, audience: undefined };
  }
}

async function keyOf({ memberKeys }: Engine, kid: string | undefined): Promise<CryptoKey> {
  const key = kid === undefined ? undefined : await memberKeys.verifying(kid);
  if (key === undefined) throw new errors.JWSSignatureVerificationFailed();
  return key.publicKey;
}
