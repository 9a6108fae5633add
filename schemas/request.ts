import * as v from "valibot";
import { IdentityInput } from "./identity.ts";
import { Json, JsonObject, notList } from "./json.ts";

const Text = v.pipe(v.string(), v.maxLength(16_384));

/** The visitor's own request, as the site saw it. */
export const HttpContext = notList(
  v.objectWithRest(
    {
      url: v.optional(Text),
      userAgent: v.optional(Text),
      clientIP: v.optional(Text),
      referer: v.optional(v.nullable(Text)),
      countryCode: v.optional(v.nullable(Text)),
      cookies: v.optional(notList(v.record(v.string(), v.string()))),
      proxyOrigin: v.optional(v.objectWithRest({ status: v.optional(v.number()) }, Json)),
    },
    Json,
  ),
);

/** What may be told of the visitor beside the identity. */
export const surroundings = {
  http: v.optional(HttpContext),
  cloudflare: v.optional(v.objectWithRest({ cf: v.optional(JsonObject) }, Json)),
  fastly: v.optional(JsonObject),
};

/** What a request may tell of the visitor's surroundings. */
export type Surroundings = {
  http?: v.InferOutput<typeof HttpContext> | undefined;
  cloudflare?: { cf?: JsonObject | undefined } | undefined;
  fastly?: JsonObject | undefined;
};

/** The page or thing that the visitor is looking at. */
export const Resource = notList(v.objectWithRest({ id: v.optional(Text), meta: v.optional(JsonObject) }, Json));

/** Body of `POST /api/v1/surface-decisions`. `dryRun` and `explain` are additions of this project. */
export const SurfaceDecisionRequest = v.object({
  surfaceSlug: v.pipe(v.string(), v.minLength(1), v.maxLength(200)),
  identity: IdentityInput,
  resource: v.optional(Resource),
  dryRun: v.optional(v.boolean(), false),
  explain: v.optional(v.boolean(), false),
  ...surroundings,
});
export type SurfaceDecisionRequest = v.InferOutput<typeof SurfaceDecisionRequest>;

/** Body of `POST /api/v1/offer-redemptions`. */
export const OfferRedemptionRequest = v.object({
  identity: IdentityInput,
  offerToken: v.pipe(v.string(), v.minLength(1), v.maxLength(16_384)),
  resource: v.optional(Resource),
  ...surroundings,
});
export type OfferRedemptionRequest = v.InferOutput<typeof OfferRedemptionRequest>;
