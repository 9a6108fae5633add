// Past 250 lines: a table, one row a case.
import type { OfferFilter } from "../../schemas/decision.ts";

/** The filters of the offers that the cases are about, by the offer's slug. */
export const offerFilters = {
  open: {},
  "from-noon": { from: "2026-03-01T12:00:00Z" },
  "until-noon": { until: "2026-03-01T12:00:00Z" },
  "noon-to-one": { from: "2026-03-01T12:00:00Z", until: "2026-03-01T13:00:00Z" },
  anonymous: { userType: "anonymous" },
  authenticated: { userType: "authenticated" },
  "gb-or-ie": { countries: ["GB", "IE"] },
  "group-17": { testGroup: { from: 17, to: 17 } },
  "groups-0-to-49": { testGroup: { from: 0, to: 49 } },
  "groups-50-to-99": { testGroup: { from: 50, to: 99 } },
  "all-groups": { testGroup: { from: 0, to: 99 } },
  "has-digital": { products: { include: ["digital"], exclude: [] } },
  "has-any": { products: { include: ["digital", "print"], exclude: [] } },
  "lacks-digital": { products: { include: [], exclude: ["digital"] } },
  "print-not-digital": { products: { include: ["print"], exclude: ["digital"] } },
  "has-monthly": { plans: { include: ["monthly"], exclude: [] } },
  "lacks-monthly": { plans: { include: [], exclude: ["monthly"] } },
  "digital-by-monthly": {
    products: { include: ["digital"], exclude: [] },
    plans: { include: ["monthly"], exclude: [] },
  },
  everything: {
    from: "2026-03-01T12:00:00Z",
    userType: "authenticated",
    countries: ["GB"],
    testGroup: { from: 0, to: 99 },
    products: { include: ["digital"], exclude: [] },
  },
} as const;

/** What the members of the cases hold: `starts` and `ends` in milliseconds from noon. */
export const holdings: {
  who: string;
  product: string;
  plan?: string;
  starts: number;
  ends?: number;
  revoked?: boolean;
}[] = [
  { who: "digital", product: "digital", plan: "monthly", starts: -1 },
  { who: "digital-yearly", product: "digital", plan: "yearly", starts: -1 },
  { who: "digital-gift", product: "digital", starts: -1 },
  { who: "print", product: "print", starts: -1 },
  { who: "both", product: "digital", plan: "monthly", starts: -1 },
  { who: "both", product: "print", starts: -1 },
  { who: "starts-now", product: "digital", starts: 0 },
  { who: "starts-later", product: "digital", starts: 1 },
  { who: "ends-now", product: "digital", starts: -10, ends: 0 },
  { who: "ends-later", product: "digital", starts: -10, ends: 1 },
  { who: "revoked", product: "digital", plan: "monthly", starts: -10, revoked: true },
  { who: "renewed", product: "digital", starts: -10, ends: -5 },
  { who: "renewed", product: "digital", starts: -5, ends: 5 },
];

/** One case: an offer, a visitor, and the filter that refuses it, or null when it is shown. */
export type FilterCase = {
  sentence: string;
  offer: keyof typeof offerFilters;
  refusedBy: OfferFilter | null;
  user?: string;
  anonymous?: string;
  request?: Record<string, unknown>;
  /** Milliseconds from noon. */
  at?: number;
};

const hour = 3_600_000;
const cf = (country: unknown) => ({ cloudflare: { cf: { country } } });

/** Decision rules as data. The visitor is the anonymous `anon_1` where none is named. */
export const filterCases: FilterCase[] = [
  { sentence: "an offer without filters is shown to anybody", offer: "open", refusedBy: null },
  { sentence: "an offer without filters is shown to a user", offer: "open", user: "u", refusedBy: null },

  { sentence: "a window is closed a millisecond before from", offer: "from-noon", at: -1, refusedBy: "window" },
  { sentence: "a window is open at from itself", offer: "from-noon", at: 0, refusedBy: null },
  { sentence: "a window is open a millisecond before until", offer: "until-noon", at: -1, refusedBy: null },
  { sentence: "a window is closed at until itself", offer: "until-noon", at: 0, refusedBy: "window" },
  { sentence: "a window is open from its beginning", offer: "noon-to-one", at: 0, refusedBy: null },
  { sentence: "a window is open to its last millisecond", offer: "noon-to-one", at: hour - 1, refusedBy: null },
  { sentence: "a window is closed after its end", offer: "noon-to-one", at: hour, refusedBy: "window" },
  { sentence: "a window is closed before its beginning", offer: "noon-to-one", at: -1, refusedBy: "window" },

  { sentence: "an offer for the anonymous is shown to a visitor", offer: "anonymous", refusedBy: null },
  {
    sentence: "an offer for the anonymous is not shown to a user",
    offer: "anonymous",
    user: "u",
    refusedBy: "userType",
  },
  { sentence: "an offer for users is shown to a user", offer: "authenticated", user: "u", refusedBy: null },
  { sentence: "an offer for users is not shown to a visitor", offer: "authenticated", refusedBy: "userType" },

  { sentence: "a country from cloudflare is let through", offer: "gb-or-ie", request: cf("GB"), refusedBy: null },
  { sentence: "the second country of the list is let through", offer: "gb-or-ie", request: cf("IE"), refusedBy: null },
  { sentence: "a country in lower case is the same country", offer: "gb-or-ie", request: cf("gb"), refusedBy: null },
  { sentence: "another country is refused", offer: "gb-or-ie", request: cf("US"), refusedBy: "country" },
  { sentence: "an unknown country is refused", offer: "gb-or-ie", refusedBy: "country" },
  { sentence: "a country that is a number is no country", offer: "gb-or-ie", request: cf(7), refusedBy: "country" },
  {
    sentence: "Cloudflare's word for Tor is another country",
    offer: "gb-or-ie",
    request: cf("T1"),
    refusedBy: "country",
  },
  {
    sentence: "a country from fastly is let through",
    offer: "gb-or-ie",
    request: { fastly: { country_code: "GB" } },
    refusedBy: null,
  },
  {
    sentence: "a country from fastly's geo is let through",
    offer: "gb-or-ie",
    request: { fastly: { geo: { country_code: "GB" } } },
    refusedBy: null,
  },
  {
    sentence: "a country from http is let through",
    offer: "gb-or-ie",
    request: { http: { countryCode: "gb" } },
    refusedBy: null,
  },
  {
    sentence: "cloudflare's country goes before fastly's and http's",
    offer: "gb-or-ie",
    request: { ...cf("US"), fastly: { country_code: "GB" }, http: { countryCode: "GB" } },
    refusedBy: "country",
  },
  {
    sentence: "fastly's country goes before http's",
    offer: "gb-or-ie",
    request: { fastly: { country_code: "GB" }, http: { countryCode: "US" } },
    refusedBy: null,
  },
  {
    sentence: "http's country counts when cloudflare does not know it",
    offer: "gb-or-ie",
    request: { cloudflare: { cf: {} }, http: { countryCode: "GB" } },
    refusedBy: null,
  },
  {
    sentence: "an offer for all countries is shown to somebody of none",
    offer: "open",
    request: cf("XX"),
    refusedBy: null,
  },

  { sentence: "a visitor of the group is let through", offer: "group-17", anonymous: "@17", refusedBy: null },
  {
    sentence: "a visitor of the group before it is refused",
    offer: "group-17",
    anonymous: "@16",
    refusedBy: "testGroup",
  },
  {
    sentence: "a visitor of the group after it is refused",
    offer: "group-17",
    anonymous: "@18",
    refusedBy: "testGroup",
  },
  { sentence: "group 49 is in the first half", offer: "groups-0-to-49", anonymous: "@49", refusedBy: null },
  { sentence: "group 50 is not in the first half", offer: "groups-0-to-49", anonymous: "@50", refusedBy: "testGroup" },
  { sentence: "group 50 is in the second half", offer: "groups-50-to-99", anonymous: "@50", refusedBy: null },
  { sentence: "group 0 is in the first half", offer: "groups-0-to-49", anonymous: "@0", refusedBy: null },
  { sentence: "group 99 is in the second half", offer: "groups-50-to-99", anonymous: "@99", refusedBy: null },
  {
    sentence: "a user is in the same group as a visitor of that name",
    offer: "group-17",
    user: "@17",
    refusedBy: null,
  },
  { sentence: "everybody is in some group", offer: "all-groups", user: "ü€😀", refusedBy: null },

  { sentence: "a holder is shown an offer for holders", offer: "has-digital", user: "digital", refusedBy: null },
  {
    sentence: "a holder by gift, without a plan, is a holder",
    offer: "has-digital",
    user: "digital-gift",
    refusedBy: null,
  },
  {
    sentence: "a stranger is not shown an offer for holders",
    offer: "has-digital",
    user: "stranger",
    refusedBy: "products",
  },
  { sentence: "a holder of something else is no holder", offer: "has-digital", user: "print", refusedBy: "products" },
  { sentence: "a visitor holds nothing", offer: "has-digital", refusedBy: "products" },
  {
    sentence: "a visitor called as a holder holds nothing",
    offer: "has-digital",
    anonymous: "digital",
    refusedBy: "products",
  },
  { sentence: "one of several products is enough", offer: "has-any", user: "print", refusedBy: null },
  { sentence: "none of several products is not enough", offer: "has-any", user: "stranger", refusedBy: "products" },
  {
    sentence: "a holder is not shown an offer for others",
    offer: "lacks-digital",
    user: "digital",
    refusedBy: "products",
  },
  { sentence: "a stranger is shown an offer for others", offer: "lacks-digital", user: "stranger", refusedBy: null },
  { sentence: "a visitor is shown an offer for others", offer: "lacks-digital", refusedBy: null },
  { sentence: "exclusion goes before inclusion", offer: "print-not-digital", user: "both", refusedBy: "products" },
  {
    sentence: "inclusion counts where nothing is excluded",
    offer: "print-not-digital",
    user: "print",
    refusedBy: null,
  },
  {
    sentence: "a product is held from the moment it starts",
    offer: "has-digital",
    user: "starts-now",
    refusedBy: null,
  },
  {
    sentence: "a product is not held before it starts",
    offer: "has-digital",
    user: "starts-later",
    refusedBy: "products",
  },
  {
    sentence: "a product is not held at the moment it ends",
    offer: "has-digital",
    user: "ends-now",
    refusedBy: "products",
  },
  { sentence: "a product is held until it ends", offer: "has-digital", user: "ends-later", refusedBy: null },
  { sentence: "a product that ended is one to win back", offer: "lacks-digital", user: "ends-now", refusedBy: null },
  { sentence: "a revoked product is not held", offer: "has-digital", user: "revoked", refusedBy: "products" },
  { sentence: "a renewed product is held", offer: "has-digital", user: "renewed", refusedBy: null },
  {
    sentence: "what somebody holds elsewhere does not count here",
    offer: "has-digital",
    user: "elsewhere",
    refusedBy: "products",
  },

  { sentence: "a subscriber of the plan is let through", offer: "has-monthly", user: "digital", refusedBy: null },
  {
    sentence: "a subscriber of another plan is refused",
    offer: "has-monthly",
    user: "digital-yearly",
    refusedBy: "products",
  },
  { sentence: "a holder without a plan is refused", offer: "has-monthly", user: "digital-gift", refusedBy: "products" },
  { sentence: "a revoked plan is not held", offer: "has-monthly", user: "revoked", refusedBy: "products" },
  {
    sentence: "a subscriber is not shown an upgrade from nothing",
    offer: "lacks-monthly",
    user: "digital",
    refusedBy: "products",
  },
  {
    sentence: "a subscriber of another plan is shown it",
    offer: "lacks-monthly",
    user: "digital-yearly",
    refusedBy: null,
  },
  { sentence: "both product and plan are needed", offer: "digital-by-monthly", user: "digital", refusedBy: null },
  {
    sentence: "the product alone is not enough",
    offer: "digital-by-monthly",
    user: "digital-yearly",
    refusedBy: "products",
  },

  {
    sentence: "all filters let somebody through",
    offer: "everything",
    user: "digital",
    request: cf("GB"),
    refusedBy: null,
  },
  { sentence: "the window is asked first", offer: "everything", at: -1, refusedBy: "window" },
  { sentence: "the user type is asked second", offer: "everything", refusedBy: "userType" },
  { sentence: "the country is asked third", offer: "everything", user: "stranger", refusedBy: "country" },
  {
    sentence: "what is held is asked last",
    offer: "everything",
    user: "stranger",
    request: cf("GB"),
    refusedBy: "products",
  },
];
