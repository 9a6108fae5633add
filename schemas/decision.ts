import * as v from "valibot";
import { JsonObject } from "./json.ts";
import { AuthType } from "./workflow.ts";

const Uuid = v.pipe(v.string(), v.uuid());

/** The identity as answers carry it (MonetizationOS). */
export const IdentityAnswer = v.object({
  authType: AuthType,
  isAuthenticated: v.boolean(),
  identifier: v.string(),
  jwtClaims: JsonObject,
});

/** A plan of a presented offer, with a token that redeems just this plan. */
export const PresentedPlan = v.object({
  id: v.string(),
  slug: v.string(),
  name: v.string(),
  price: v.nullable(v.object({ currency: v.string(), amountMinor: v.number(), interval: v.nullable(v.string()) })),
  duration: v.nullable(v.string()),
  products: v.array(v.string()),
  token: v.string(),
});
export type PresentedPlan = v.InferOutput<typeof PresentedPlan>;

/** An offer as a client sees it. Redemption values are never in it. `token` is that of the first plan. */
export const PresentedOffer = v.object({
  id: v.string(),
  presentation: JsonObject,
  redemptionSchema: v.nullable(v.string()),
  token: v.string(),
  plans: v.optional(v.array(PresentedPlan)),
});
export type PresentedOffer = v.InferOutput<typeof PresentedOffer>;

/** Something to place on a page (MonetizationOS). */
export const WebElement = v.variant("type", [
  v.object({ type: v.picklist(["html", "text"]), content: v.string() }),
  v.object({ type: v.literal("element"), schema: v.string(), props: JsonObject }),
  v.looseObject({ type: v.literal("custom") }),
]);
export type WebElement = v.InferOutput<typeof WebElement>;

/** Where an experience goes relative to what the component's selector finds. */
export const Placement = v.picklist(["before", "prepend", "append", "after"]);
export type Placement = v.InferOutput<typeof Placement>;

const Content = v.object({
  before: v.optional(v.array(WebElement)),
  prepend: v.optional(v.array(WebElement)),
  append: v.optional(v.array(WebElement)),
  after: v.optional(v.array(WebElement)),
});

/** What one component of a surface does. */
export const ComponentBehavior = v.object({ content: Content, properties: JsonObject, metadata: JsonObject });
export type ComponentBehavior = v.InferOutput<typeof ComponentBehavior>;

/** Why an offer was shown or not, in the order in which the filters are asked. */
export const offerFilters = [
  "published",
  "window",
  "userType",
  "country",
  "testGroup",
  "products",
  "entitlements_unavailable",
] as const;
export type OfferFilter = (typeof offerFilters)[number];

/** One offer that a decision considered: shown, or refused by `filter`. Only for secret keys that ask. */
export const OfferExplanation = v.object({
  component: v.string(),
  experience: v.string(),
  offer: v.string(),
  presented: v.boolean(),
  filter: v.nullable(v.picklist(offerFilters)),
  detail: v.string(),
});
export type OfferExplanation = v.InferOutput<typeof OfferExplanation>;

/** Answer of `POST /api/v1/surface-decisions`. Every member but the last two is always there (MonetizationOS). */
export const SurfaceDecision = v.object({
  status: v.literal("success"),
  eventId: Uuid,
  identity: IdentityAnswer,
  customer: v.object({
    isCustomer: v.boolean(),
    hasProducts: v.boolean(),
    customerIdentifiers: v.array(v.string()),
  }),
  features: v.record(v.string(), JsonObject),
  surfaceBehavior: JsonObject,
  componentsSkipped: v.boolean(),
  componentBehaviors: v.record(v.string(), ComponentBehavior),
  offers: v.array(PresentedOffer),
  explain: v.optional(v.array(OfferExplanation)),
  degraded: v.optional(v.array(v.string())),
});
export type SurfaceDecision = v.InferOutput<typeof SurfaceDecision>;

/** What a client does after a redemption (MonetizationOS). */
export const RedemptionAction = v.variant("type", [
  v.object({ type: v.literal("navigate"), properties: JsonObject, url: v.string() }),
  v.object({ type: v.literal("custom"), properties: JsonObject }),
]);
export type RedemptionAction = v.InferOutput<typeof RedemptionAction>;

/** Answer of `POST /api/v1/offer-redemptions` after success. */
export const OfferRedemption = v.object({
  status: v.literal("success"),
  statusCode: v.number(),
  eventId: Uuid,
  identity: IdentityAnswer,
  message: v.optional(v.string()),
  action: RedemptionAction,
});
export type OfferRedemption = v.InferOutput<typeof OfferRedemption>;
