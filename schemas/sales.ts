import * as v from "valibot";
import { Identifier, IdentityInput } from "./identity.ts";
import { Resource, surroundings } from "./request.ts";

const Time = v.pipe(v.string(), v.isoTimestamp());
const Named = v.object({ id: v.string(), slug: v.string(), name: v.string() });
const PlanName = v.pipe(v.string(), v.minLength(1), v.maxLength(200));

/**
 * An entitlement as pages and sites see it (Allegro, "One-off Purchases": a resource is a product). Times are ISO 8601,
 * `ended_at` null for one that does not end.
 */
export const EntitlementShown = v.object({
  id: v.string(),
  resource: v.object({ id: v.string(), slug: v.string(), name: v.string() }),
  started_at: v.nullable(Time),
  ended_at: v.nullable(Time),
  is_active: v.boolean(),
});
export type EntitlementShown = v.InferOutput<typeof EntitlementShown>;

/** Body of `POST /api/v1/purchases`. A plan by its id or slug; `termId` is Allegro's older word. Nobody named is a visitor. */
export const PurchaseRequest = v.pipe(
  v.object({
    planId: v.optional(PlanName),
    termId: v.optional(PlanName),
    /** An offer by its id or slug, where several sell the plan. */
    offerId: v.optional(PlanName),
    returnUrl: v.optional(v.pipe(v.string(), v.maxLength(4096))),
    identity: v.optional(IdentityInput, { createAnonymousIdentifier: true }),
    ...surroundings,
  }),
  v.check((body) => (body.planId === undefined) !== (body.termId === undefined), "either planId or termId is needed"),
  v.metadata({ oneOf: [{ required: ["planId"] }, { required: ["termId"] }] }),
  v.transform(({ termId, planId, ...rest }) => ({ ...rest, planId: planId ?? termId ?? "" })),
);
export type PurchaseRequest = v.InferOutput<typeof PurchaseRequest>;

const IdentityShown = v.object({
  authType: v.picklist(["provided", "jwt", "anonymous"]),
  identifier: v.string(),
  isAuthenticated: v.boolean(),
  jwtClaims: v.record(v.string(), v.unknown()),
});

/** Answer of `POST /api/v1/purchases`: `url` is the Checkout page, `expiresAt` when it closes. */
export const PurchaseAnswer = v.object({
  status: v.literal("success"),
  purchaseId: v.string(),
  url: v.string(),
  expiresAt: v.nullable(Time),
  identity: IdentityShown,
});

const Token = v.pipe(v.string(), v.minLength(1), v.maxLength(512));

/**
 * Body of `POST /api/v1/purchases/exchange`: the `allegro_purchase_token` of the buyer's return. Who sends a random `nonce`
 * along may send both again while the token is good, because an answer may be lost; with another one it is used up.
 */
export const ExchangeRequest = v.object({
  token: Token,
  nonce: v.optional(v.pipe(v.string(), v.minLength(16), v.maxLength(128))),
});

/** A session: a member JWT, until when it is good, and what gets the next one. */
const session = { jwt: v.string(), expiresAt: Time, refreshToken: v.string() };

/**
 * Answer of `POST /api/v1/purchases/exchange`. `entitlement` is the first of `entitlements`, which are those of this
 * purchase; null where the plan granted nothing.
 */
export const ExchangeAnswer = v.object({
  status: v.literal("success"),
  method: v.literal("purchase"),
  purchaseId: v.string(),
  ...session,
  entitlement: v.nullable(EntitlementShown),
  entitlements: v.array(EntitlementShown),
});

/** Body of `POST /api/v1/members/refresh` and `POST /api/v1/members/logout`. */
export const RefreshRequest = v.object({ refreshToken: Token });

/** Answer of `POST /api/v1/members/refresh`. */
export const RefreshAnswer = v.object({ status: v.literal("success"), ...session });

const isTimestamp = v.ISO_TIMESTAMP_REGEX;
const momentMessage = "must be an ISO 8601 time such as 2026-01-31T00:00:00Z";

/** A moment that somebody else names. */
export const Moment = v.pipe(
  v.string(),
  v.maxLength(40),
  v.isoTimestamp(momentMessage),
  v.check((text) => !isTimestamp.test(text) || isMoment(text), momentMessage),
);

/** `Date.parse` takes February 31 for March 3, and some time zones of ISO 8601 for no time at all. */
function isMoment(text: string): boolean {
  const day = text.slice(0, 10);
  return !Number.isNaN(Date.parse(text)) && new Date(`${day}T00:00:00Z`).toISOString().startsWith(day);
}

/** Body of `POST /api/v1/access-checks` (MonetizationOS); `products` and `at` are additions of this project. */
export const AccessCheckRequest = v.object({
  identity: IdentityInput,
  products: v.optional(v.pipe(v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(200))), v.maxLength(200))),
  at: v.optional(Moment),
  resource: v.optional(Resource),
  ...surroundings,
});
export type AccessCheckRequest = v.InferOutput<typeof AccessCheckRequest>;

/**
 * Answer of `POST /api/v1/access-checks`: a decision without its surface. `entitlements` are those active at `at`; `access`
 * has each product that was asked for, false for those that there are not, which `unknownProducts` names. `awaitingPayment`
 * are the purchases whose buyer has done their part, and whose money is on its way now, whatever `at` says.
 */
export const AccessCheck = v.object({
  status: v.literal("success"),
  eventId: v.pipe(v.string(), v.uuid()),
  identity: IdentityShown,
  customer: v.object({
    isCustomer: v.boolean(),
    hasProducts: v.boolean(),
    customerIdentifiers: v.array(v.string()),
  }),
  features: v.record(v.string(), v.unknown()),
  at: Time,
  entitlements: v.array(EntitlementShown),
  access: v.record(v.string(), v.boolean()),
  unknownProducts: v.array(v.string()),
  awaitingPayment: v.array(
    v.object({ purchaseId: v.string(), offer: Named, plan: v.nullable(Named), createdAt: Time }),
  ),
});
export type AccessCheck = v.InferOutput<typeof AccessCheck>;

/** Answer of `GET /api/v1/entitlements`: an identifier's own, newest first. The optional ones are there as `include` asked. */
export const EntitlementsAnswer = v.object({
  status: v.literal("success"),
  identifier: Identifier,
  entitlements: v.array(
    v.object({
      ...EntitlementShown.entries,
      /** With `inactive`: when it was taken back. */
      revoked_at: v.optional(v.nullable(Time)),
      plan: v.optional(v.nullable(Named)),
      offer: v.optional(v.nullable(Named)),
      purchase: v.optional(
        v.nullable(v.object({ id: v.string(), status: v.string(), completed_at: v.nullable(Time) })),
      ),
    }),
  ),
});
export type EntitlementsAnswer = v.InferOutput<typeof EntitlementsAnswer>;
