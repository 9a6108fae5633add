import { CompactSign, errors, jwtVerify } from "jose";
import * as v from "valibot";
import type { ErrorCode } from "../schemas/error-codes.ts";
import { OfferTokenClaims } from "../schemas/token.ts";

/** A key of an environment that signs and verifies offer tokens. */
export type SigningKey = { kid: string; key: CryptoKey; verifyUntil: number | null };

/** An environment's keys: the newest signs, all verify. */
export type SigningKeys = { current: SigningKey; byKid: Map<string, SigningKey> };

/** How a token was found wanting; each word is its own error code. */
export type TokenRefusal = Extract<
  ErrorCode,
  "token_malformed" | "token_signature_invalid" | "token_wrong_environment" | "token_expired" | "token_dry_run"
>;

/** What a token is verified for. */
export type TokenExpectation = { environmentId: string; nowMs: number };

/** The outcome of verifying a token. */
export type TokenVerification = { ok: true; claims: OfferTokenClaims } | { ok: false; code: TokenRefusal };

const algorithm = "HS256";
const tokenType = "offer+jwt";

/** Imports 32 random bytes (base64url) as an HS256 key (RFC 7518 §3.2). Done once per key: a CryptoKey signs faster. */
export async function importSigningKey(
  kid: string,
  secret: string,
  verifyUntil: number | null = null,
): Promise<SigningKey> {
  const bytes = Uint8Array.fromBase64(secret, { alphabet: "base64url" });
  const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
  return { kid, key, verifyUntil };
}

/** A fresh secret for `importSigningKey`. */
export function newSigningSecret(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toBase64({ alphabet: "base64url" });
}

const encoder = new TextEncoder();

/** Signs the claims of one presentation as a compact JWS. They are typed and complete, so that SignJWT has nothing to add. */
export function signOfferToken({ kid, key }: SigningKey, claims: OfferTokenClaims): Promise<string> {
  const payload = encoder.encode(JSON.stringify(claims));
  return new CompactSign(payload).setProtectedHeader({ alg: algorithm, typ: tokenType, kid }).sign(key);
}

/**
 * Verifies a token for one environment at `nowMs`. The algorithm is fixed and the key is chosen by `kid` among the
 * environment's own (RFC 8725 §3.1, §3.5). Whether the bearer may use it is not asked here.
 */
export async function verifyOfferToken(
  keys: SigningKeys,
  token: string,
  { environmentId, nowMs }: TokenExpectation,
): Promise<TokenVerification> {
  const audience = unverifiedAudience(token);
  if (audience === undefined) return { ok: false, code: "token_malformed" };
  if (audience !== environmentId) return { ok: false, code: "token_wrong_environment" };
  try {
    const { payload } = await jwtVerify(token, ({ kid }) => keyFor(keys, kid, nowMs), {
      algorithms: [algorithm],
      typ: tokenType,
      audience: environmentId,
      currentDate: new Date(nowMs),
    });
    const claims = v.safeParse(OfferTokenClaims, payload);
    if (!claims.success) return { ok: false, code: "token_malformed" };
    return claims.output.dryRun ? { ok: false, code: "token_dry_run" } : { ok: true, claims: claims.output };
  } catch (error) {
    return { ok: false, code: refusalOf(error) };
  }
}

function keyFor(keys: SigningKeys, kid: string | undefined, nowMs: number): CryptoKey {
  const found = kid === undefined ? undefined : keys.byKid.get(kid);
  const retired = found !== undefined && found.verifyUntil !== null && found.verifyUntil <= nowMs;
  if (found === undefined || retired) throw new errors.JWSSignatureVerificationFailed();
  return found.key;
}

function refusalOf(error: unknown): TokenRefusal {
  if (error instanceof errors.JWTExpired) return "token_expired";
  if (error instanceof errors.JWSSignatureVerificationFailed) return "token_signature_invalid";
  if (error instanceof errors.JOSEAlgNotAllowed) return "token_signature_invalid";
  if (error instanceof errors.JOSEError) return "token_malformed";
  throw error;
}

const Payload = v.object({ aud: v.string() });

/** Read before the signature only to name the better refusal; nothing is granted on it. */
function unverifiedAudience(token: string): string | undefined {
  const payload = token.split(".")[1];
  if (payload === undefined) return undefined;
  try {
    const bytes = Uint8Array.fromBase64(payload, { alphabet: "base64url" });
    return v.parse(Payload, JSON.parse(new TextDecoder().decode(bytes))).aud;
  } catch {
    return undefined;
  }
}
