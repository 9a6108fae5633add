import type { OfferFilter } from "../schemas/decision.ts";
import type { Identity } from "../schemas/identity.ts";
import type { CompiledConfig, CompiledOffer } from "./config/compiled.ts";
import type { Holdings } from "./entitlements.ts";
import { testGroup100 } from "./identity.ts";

/** Whom an offer is shown to or not. `holdings` is null where they could not be read. */
export type Visitor = {
  identity: Identity;
  countryCode: string | null;
  holdings: Holdings | null;
  nowMs: number;
};

/** The filter that refuses an offer, and why in words; null when all let it through. */
export type FilterRefusal = { filter: OfferFilter; detail: string } | null;

/** Asks an offer's filters in a fixed order: published, window, user type, country, test group, what is held. */
export function refusingFilter(config: CompiledConfig, offer: CompiledOffer, visitor: Visitor): FilterRefusal {
  return unavailable(offer, visitor.nowMs) ?? wrongVisitor(offer, visitor) ?? wrongHoldings(config, offer, visitor);
}

/** Whether an offer is published and within its window: asked again when a token is redeemed. `until` is outside. */
export function unavailable(offer: CompiledOffer, nowMs: number): FilterRefusal {
  if (!offer.offer.published) return { filter: "published", detail: "the offer is not published" };
  if (nowMs < offer.from) return { filter: "window", detail: `begins at ${offer.offer.filters.from}` };
  if (nowMs >= offer.until) return { filter: "window", detail: `ended at ${offer.offer.filters.until}` };
  return null;
}

function wrongVisitor(offer: CompiledOffer, { identity, countryCode }: Visitor): FilterRefusal {
  const { userType, countries, testGroup } = offer.offer.filters;
  const own = identity.isAuthenticated ? "authenticated" : "anonymous";
  if (userType !== "all" && userType !== own)
    return { filter: "userType", detail: `for ${userType} users, this one is ${own}` };
  if (countries.length > 0 && (countryCode === null || !countries.includes(countryCode))) {
    return {
      filter: "country",
      detail: `for ${countries.join(", ")}; the visitor's country is ${countryCode ?? "unknown"}`,
    };
  }
  if (testGroup === null) return null;
  const group = testGroup100(identity.identifier);
  if (group >= testGroup.from && group <= testGroup.to) return null;
  return {
    filter: "testGroup",
    detail: `for groups ${testGroup.from} to ${testGroup.to}, this visitor is in ${group}`,
  };
}

/** The filters over what is held: asked again when somebody else redeems than the one who was shown the offer. */
export function wrongHoldings(
  config: CompiledConfig,
  offer: CompiledOffer,
  { holdings }: Pick<Visitor, "holdings">,
): FilterRefusal {
  if (!offer.asksForHoldings) return null;
  if (holdings === null) {
    return { filter: "entitlements_unavailable", detail: "what the visitor holds could not be read" };
  }
  const { plans, products } = offer.offer.filters;
  return (
    selectionRefusal("product", products, config.productIds, holdings.products) ??
    selectionRefusal("plan", plans, config.planIds, holdings.plans)
  );
}

function selectionRefusal(
  noun: string,
  { include, exclude }: { include: string[]; exclude: string[] },
  ids: Map<string, string>,
  held: Set<string>,
): FilterRefusal {
  const holds = (slug: string) => held.has(ids.get(slug) ?? "");
  const excluded = exclude.find(holds);
  if (excluded !== undefined) return { filter: "products", detail: `not for those who hold ${noun} ${excluded}` };
  if (include.length === 0 || include.some(holds)) return null;
  return { filter: "products", detail: `only for those who hold ${noun} ${include.join(" or ")}` };
}
