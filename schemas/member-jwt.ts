import * as v from "valibot";
import { Identifier } from "./identity.ts";

/**
 * Claims of a member JWT (JWS, `typ: member+jwt`, RFC 7519 and RFC 8725 §3.11). `sub` is the member or guest, `aud` the
 * environment, `products` the slugs of what is active until `exp`, `sid` the session, which may be ended. Seconds.
 */
export const MemberJwtClaims = v.object({
  sub: Identifier,
  iss: v.string(),
  aud: v.string(),
  iat: v.number(),
  exp: v.number(),
  jti: v.pipe(v.string(), v.uuid()),
  products: v.array(v.string()),
  sid: v.pipe(v.string(), v.minLength(1)),
});
export type MemberJwtClaims = v.InferOutput<typeof MemberJwtClaims>;
