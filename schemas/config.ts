import * as v from "valibot";
import { Placement } from "./decision.ts";
import { JsonObject, notList } from "./json.ts";
import { Budgets } from "./workflow.ts";

/** A stable handle: lower-case words joined by hyphens or underscores. */
export const Slug = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9](?:[a-z0-9_-]{0,98}[a-z0-9])?$/, "must be lower-case letters, digits, - and _"),
);

const Name = v.pipe(v.string(), v.minLength(1), v.maxLength(200));
const SlugList = v.optional(v.array(Slug), []);

/** ISO 8601 duration in calendar units: `P1M`, `P1Y6M`, `P10D`. */
export const Duration = v.pipe(
  v.string(),
  v.regex(
    /^P(?=\d)(?:\d{1,3}Y)?(?:\d{1,4}M)?(?:\d{1,4}W)?(?:\d{1,5}D)?$/,
    "must be an ISO 8601 duration such as P1M, P1Y or P10D",
  ),
  v.check((d) => /[1-9]/.test(d), "must be longer than nothing"),
);

/** ISO 8601 instant in UTC. */
export const Instant = v.pipe(
  v.string(),
  v.check(isInstant, "must be an ISO 8601 time in UTC such as 2026-01-31T00:00:00Z"),
);

/** Only Z, and only days that there are: `Date.parse` takes February 31 for March 3. */
function isInstant(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z$/.test(text)) return false;
  const time = Date.parse(text);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text.slice(0, 19));
}

/** What a plan costs: `amountMinor` in the currency's smallest unit, as Stripe counts (`unit_amount`). */
export const Price = v.strictObject({
  currency: v.pipe(v.string(), v.regex(/^[a-z]{3}$/, "must be a lower-case ISO 4217 code such as usd")),
  amountMinor: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  interval: v.optional(v.nullable(v.picklist(["day", "week", "month", "year"])), null),
});
export type Price = v.InferOutput<typeof Price>;

const Product = v.strictObject({ slug: Slug, name: Name });

const Plan = v.strictObject({
  slug: Slug,
  name: Name,
  products: v.pipe(v.array(Slug), v.minLength(1, "a plan grants at least one product")),
  duration: v.optional(v.nullable(Duration), null),
  price: v.optional(v.nullable(Price), null),
  onRefund: v.optional(v.picklist(["revoke", "keep"]), "revoke"),
});
export type Plan = v.InferOutput<typeof Plan>;

const CustomSchema = v.strictObject({
  id: v.pipe(v.string(), v.regex(/^(?!mos:)[a-z0-9-]+:[a-z0-9-]+@\d+(?:\.\d+){0,2}$/, "must look like acme:gift@1.0")),
  purpose: v.picklist(["offer-redemption", "offer-presentation", "experience"]),
  jsonSchema: JsonObject,
});

const RedemptionMethod = v.strictObject({
  slug: Slug,
  name: Name,
  schema: v.optional(v.nullable(v.string()), null),
  workflow: v.pipe(v.string(), v.minLength(1), v.maxLength(256 * 1024)),
});

const Selection = v.strictObject({ include: SlugList, exclude: SlugList });

/** Who sees an offer. All filters must let the visitor through. */
const Filters = v.strictObject({
  from: v.optional(v.nullable(Instant), null),
  until: v.optional(v.nullable(Instant), null),
  userType: v.optional(v.picklist(["all", "anonymous", "authenticated"]), "all"),
  countries: v.optional(v.array(v.pipe(v.string(), v.regex(/^[A-Z]{2}$/, "must be an ISO 3166 code such as GB"))), []),
  plans: v.optional(Selection, { include: [], exclude: [] }),
  products: v.optional(Selection, { include: [], exclude: [] }),
  testGroup: v.optional(
    v.nullable(
      v.pipe(
        v.strictObject({
          from: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(99)),
          to: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(99)),
        }),
        v.check((g) => g.from <= g.to, "from must not be past to"),
      ),
    ),
    null,
  ),
});
export type Filters = v.InferOutput<typeof Filters>;

const Limit = v.optional(v.nullable(v.pipe(v.number(), v.safeInteger(), v.minValue(0))), null);
const Limits = v.strictObject({ total: Limit, perCustomer: Limit });

const Offer = v.strictObject({
  slug: Slug,
  name: Name,
  method: Slug,
  plans: SlugList,
  presentationSchema: v.optional(v.nullable(v.string()), null),
  presentation: v.optional(JsonObject, {}),
  redemption: v.optional(JsonObject, {}),
  filters: v.optional(Filters, {}),
  limits: v.optional(Limits, {}),
  published: v.optional(v.boolean(), true),
  directPurchase: v.optional(v.boolean(), true),
});
export type Offer = v.InferOutput<typeof Offer>;

/** `html` and `css` are Mustache templates over `offer`, `offers`, `identity` and `resource`. */
const HtmlExperience = v.strictObject({
  type: v.literal("html"),
  slug: Slug,
  html: v.string(),
  css: v.optional(v.string(), ""),
  js: v.optional(v.string(), ""),
  offers: SlugList,
});

const AppExperience = v.strictObject({
  type: v.literal("app"),
  slug: Slug,
  schema: v.pipe(v.string(), v.minLength(1)),
  props: v.optional(JsonObject, {}),
  offers: SlugList,
});

const Experience = v.variant("type", [HtmlExperience, AppExperience]);
export type Experience = v.InferOutput<typeof Experience>;

const noWorkflow = v.optional(v.null("surface and component workflows are not supported yet: leave it null"), null);

const Slot = v.strictObject({
  key: Slug,
  experience: v.nullable(Slug),
  placement: v.optional(Placement, "append"),
});

const Component = v.strictObject({
  slug: Slug,
  cssSelector: v.optional(v.nullable(v.string()), null),
  workflow: noWorkflow,
  metadata: v.optional(JsonObject, {}),
  slots: v.optional(v.array(Slot), []),
});

const Surface = v.strictObject({
  slug: Slug,
  type: v.optional(v.picklist(["web-content", "app-content"]), "web-content"),
  workflow: noWorkflow,
  components: v.optional(v.array(Component), []),
});
export type Surface = v.InferOutput<typeof Surface>;

/** `https://host[:port]` and nothing more; `http` is for development. */
const Origin = v.pipe(
  v.string(),
  v.check(
    (o) => URL.canParse(o) && new URL(o).origin === o && /^https?:/.test(o),
    "must be an origin such as https://news.example.com",
  ),
);

/** Signatures accepted on user JWTs: asymmetric only, so that a verification key is never a secret (RFC 8725 §3.1). */
export const jwtAlgorithms = [
  "EdDSA",
  "ES256",
  "ES384",
  "ES512",
  "PS256",
  "PS384",
  "PS512",
  "RS256",
  "RS384",
  "RS512",
] as const;

/** A public key (RFC 7517): a secret has no place in a configuration. */
const VerificationKey = v.looseObject({
  kty: v.picklist(["EC", "OKP", "RSA"]),
  d: v.optional(v.undefined("must not be there: only the public half of a key belongs here")),
});

/** How `userJwt` is verified. Keys stand here (`jwks`, RFC 7517) or are fetched (`jwksUri`). */
const UserJwt = v.pipe(
  v.strictObject({
    algorithms: v.pipe(v.array(v.picklist(jwtAlgorithms)), v.minLength(1)),
    jwks: v.optional(v.strictObject({ keys: v.array(VerificationKey) })),
    jwksUri: v.optional(
      v.pipe(
        v.string(),
        v.check((url) => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol), "must be an http or https URL"),
      ),
    ),
    issuer: v.optional(v.string()),
    audience: v.optional(v.string()),
    identifierClaim: v.optional(v.pipe(v.string(), v.minLength(1)), "sub"),
  }),
  v.check((j) => (j.jwks === undefined) !== (j.jwksUri === undefined), "needs either jwks or jwksUri"),
  v.metadata({ oneOf: [{ required: ["jwks"] }, { required: ["jwksUri"] }] }),
);
export type UserJwt = v.InferOutput<typeof UserJwt>;

const VariableName = v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/, "must be a variable name"));

/** An environment's whole configuration. Ids and secrets are never in it. */
export const Config = notList(
  v.strictObject({
    products: v.optional(v.array(Product), []),
    plans: v.optional(v.array(Plan), []),
    schemas: v.optional(v.array(CustomSchema), []),
    redemptionMethods: v.optional(v.array(RedemptionMethod), []),
    offers: v.optional(v.array(Offer), []),
    experiences: v.optional(v.array(Experience), []),
    surfaces: v.optional(v.array(Surface), []),
    features: v.optional(v.pipe(v.array(JsonObject), v.maxLength(0, "features are not supported yet")), []),
    variables: v.optional(notList(v.record(VariableName, v.pipe(v.string(), v.maxLength(16_384)))), {}),
    allowedOrigins: v.optional(v.array(Origin), []),
    outboundOrigins: v.optional(v.array(Origin), []),
    userJwt: v.optional(v.nullable(UserJwt), null),
    budgets: v.optional(Budgets, {}),
    offerTokenTtlSeconds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(60), v.maxValue(2_592_000)), 86_400),
  }),
);
export type Config = v.InferOutput<typeof Config>;

const CatalogPrice = v.strictObject({
  price: v.pipe(v.string(), v.regex(/^price_\w+$/, "must be a Stripe price id (price_…)")),
  quantity: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1)), 1),
  plan: v.optional(Slug),
});

/** An offer's `redemption` under the schema `mos:stripe-checkout-instructions`. */
export const StripeCheckoutValues = v.strictObject({
  accountId: v.pipe(v.string(), v.regex(/^acct_\w+$/, "must be a Stripe account id (acct_…)")),
  prices: v.optional(v.array(CatalogPrice), []),
  mode: v.optional(v.nullable(v.picklist(["payment", "subscription"])), null),
  trialDays: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(730)), 0),
  coupon: v.optional(v.nullable(v.pipe(v.string(), v.minLength(1))), null),
  promotionCode: v.optional(
    v.nullable(v.pipe(v.string(), v.regex(/^promo_\w+$/, "must be a Stripe promotion code id (promo_…)"))),
    null,
  ),
  allowPromotionCodes: v.optional(v.boolean(), false),
});
export type StripeCheckoutValues = v.InferOutput<typeof StripeCheckoutValues>;
