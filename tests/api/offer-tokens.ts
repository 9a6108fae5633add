import type { OfferTokenClaims } from "../../schemas/token.ts";
import type { World } from "../fakes/world.ts";

/** A compact JWS taken apart. */
export type TokenParts = { header: Record<string, unknown>; payload: Record<string, unknown>; signature: string };

/** Takes a token apart without verifying it. */
export function partsOf(token: string): TokenParts {
  const [header = "", payload = "", signature = ""] = token.split(".");
  return { header: decoded(header), payload: decoded(payload), signature };
}

/** Puts header and payload together and signs them with HMAC, which is what offer tokens are signed with. */
export async function hmacToken(header: object, payload: object, key: CryptoKey): Promise<string> {
  const text = `${segment(header)}.${segment(payload)}`;
  const signature = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(text));
  return `${text}.${new Uint8Array(signature).toBase64({ alphabet: "base64url", omitPadding: true })}`;
}

/** A random HMAC key. */
export function hmacKey(bytes: Uint8Array<ArrayBuffer> = crypto.getRandomValues(new Uint8Array(32)), hash = "SHA-256") {
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash }, false, ["sign"]);
}

/** The key that signs the world's offer tokens now. */
export async function signingKeyOf(world: World): Promise<{ kid: string; key: CryptoKey }> {
  const environment = await world.engine.environments.get(world.environmentId);
  if (environment === undefined) throw new Error("the world has no environment");
  return environment.signing.current;
}

/** A token's claims with some of them changed, signed with the world's own key: only the claims can be wrong. */
export async function reissued(
  world: World,
  token: string,
  change: Partial<Record<keyof OfferTokenClaims, unknown>>,
  headerChange: object = {},
): Promise<string> {
  const { kid, key } = await signingKeyOf(world);
  const { payload } = partsOf(token);
  return hmacToken({ alg: "HS256", typ: "offer+jwt", kid, ...headerChange }, { ...payload, ...change }, key);
}

/** One part of a compact JWS. */
export function segment(value: unknown): string {
  return new TextEncoder().encode(JSON.stringify(value)).toBase64({ alphabet: "base64url", omitPadding: true });
}

function decoded(part: string): Record<string, unknown> {
  return JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(part, { alphabet: "base64url" })));
}
