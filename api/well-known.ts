import { type Context, Hono } from "hono";
import * as v from "valibot";
import type { Engine } from "../engine/engine.ts";
import { JsonObject } from "../schemas/json.ts";
import { described, type Operation } from "./operation.ts";
import { pageHeaders } from "./pages.ts";

const Jwks = v.object({ keys: v.array(JsonObject) });

const Discovery = v.object({
  issuer: v.string(),
  jwks_uri: v.string(),
  subject_types_supported: v.array(v.string()),
  id_token_signing_alg_values_supported: v.array(v.string()),
  claims_supported: v.array(v.string()),
});

/** As long as a rotated key is published before it signs. */
const headers = { "Cache-Control": "public, max-age=300", ...pageHeaders };

/**
 * `GET /.well-known/jwks.json` (RFC 7517 §5): the keys that verify member JWTs. `GET /.well-known/openid-configuration`
 * (OpenID Connect Discovery 1.0 §3): where they are. This server is no login: what belongs to one is left out, because
 * members with no values must not be there (§4.2).
 */
export function wellKnown(engine: Engine): Hono {
  const common = { tag: "Access", security: "none", errors: [] } as const;
  const jwks: Operation = {
    ...common,
    summary: "The public keys of member JWTs",
    answers: { 200: Jwks },
    errors: [503],
  };
  const discovery: Operation = {
    ...common,
    summary: "Issuer and keys of member JWTs, for OpenID Connect libraries",
    answers: { 200: Discovery },
  };
  const jwksHandler = async (_c: Context) => {
    const keys = await engine.memberKeys.published();
    return Response.json({ keys }, { headers });
  };
  const discoveryHandler = (_c: Context) => {
    const { publicUrl } = engine;
    const about: v.InferOutput<typeof Discovery> = {
      issuer: publicUrl,
      jwks_uri: `${publicUrl}/.well-known/jwks.json`,
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["ES256"],
      claims_supported: ["sub", "iss", "aud", "iat", "exp", "jti", "products", "sid"],
    };
    return Response.json(about, { headers });
  };
  return new Hono()
    .get("/jwks.json", described(jwks, jwksHandler))
    .get("/openid-configuration", described(discovery, discoveryHandler));
}
