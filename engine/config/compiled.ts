import type { Config, Offer, Plan } from "../../schemas/config.ts";
import type { Placement } from "../../schemas/decision.ts";
import type { JsonObject } from "../../schemas/json.ts";
import type { CompiledWorkflow } from "../compiler.ts";
import { compileRenderer, type Render } from "./experience.ts";

/** A plan with its id and what a presentation shows of it. */
export type CompiledPlan = {
  id: string;
  plan: Plan;
  shown: { id: string; slug: string; name: string; price: Plan["price"]; duration: string | null; products: string[] };
};

/** A redemption method, ready to run. */
export type CompiledMethod = { id: string; slug: string; schema: string | null; workflow: CompiledWorkflow };

/** An offer with everything that a decision or a redemption needs of it. Times in milliseconds since the epoch. */
export type CompiledOffer = {
  id: string;
  offer: Offer;
  plans: CompiledPlan[];
  method: CompiledMethod;
  from: number;
  until: number;
  asksForHoldings: boolean;
};

/** An experience with the offers that it may carry, in their order. */
export type CompiledExperience = { slug: string; offers: CompiledOffer[]; render: Render };

/** A slot that holds an experience. */
export type CompiledSlot = { placement: Placement; experience: CompiledExperience };

/** A surface with its slots resolved. */
export type CompiledSurface = {
  slug: string;
  components: { slug: string; metadata: JsonObject; slots: CompiledSlot[] }[];
};

/** One version of an environment's configuration in the form that requests read: compiled once, then only read. */
export type CompiledConfig = {
  version: number;
  config: Config;
  productIds: Map<string, string>;
  planIds: Map<string, string>;
  offers: Map<string, CompiledOffer>;
  methods: Map<string, CompiledMethod>;
  surfaces: Map<string, CompiledSurface>;
};

/** Ids of one environment: kind and slug to id. */
export type EntityIds = (
  kind: "product" | "plan" | "offer" | "method" | "surface" | "experience",
  slug: string,
) => string;

/** Compiles a valid document. Throws when a reference is unknown, which validation has excluded. */
export function compileConfig(
  version: number,
  config: Config,
  ids: EntityIds,
  workflows: ReadonlyMap<string, CompiledWorkflow>,
): CompiledConfig {
  const idMap = (kind: Parameters<EntityIds>[0], items: { slug: string }[]) =>
    new Map(items.map(({ slug }) => [slug, ids(kind, slug)]));
  const methods = new Map(
    config.redemptionMethods.map(({ slug, schema }): [string, CompiledMethod] => {
      const workflow = need(workflows.get(slug), `workflow of ${slug}`);
      return [slug, { id: ids("method", slug), slug, schema, workflow }];
    }),
  );
  const plans = new Map(config.plans.map((plan) => [plan.slug, compilePlan(plan, ids("plan", plan.slug))]));
  const offers = config.offers.map((offer) => compileOffer(offer, ids("offer", offer.slug), plans, methods));
  const offersBySlug = new Map(offers.map((offer) => [offer.offer.slug, offer]));
  const experiences = new Map(
    config.experiences.map((experience) => {
      const own = experience.offers.map((slug) => need(offersBySlug.get(slug), slug));
      return [experience.slug, { slug: experience.slug, offers: own, render: compileRenderer(experience) }];
    }),
  );
  const surfaces = config.surfaces.map((surface) => compileSurface(surface, experiences));
  return {
    version,
    config,
    productIds: idMap("product", config.products),
    planIds: idMap("plan", config.plans),
    offers: new Map(offers.map((offer) => [offer.id, offer])),
    methods,
    surfaces: new Map(surfaces.map((surface) => [surface.slug, surface])),
  };
}

function compilePlan(plan: Plan, id: string): CompiledPlan {
  const { slug, name, price, duration, products } = plan;
  return { id, plan, shown: { id, slug, name, price, duration, products } };
}

function compileOffer(
  offer: Offer,
  id: string,
  plans: Map<string, CompiledPlan>,
  methods: Map<string, CompiledMethod>,
): CompiledOffer {
  const { filters } = offer;
  const selections = [filters.plans, filters.products];
  return {
    id,
    offer,
    plans: offer.plans.map((slug) => need(plans.get(slug), slug)),
    method: need(methods.get(offer.method), offer.method),
    from: filters.from === null ? Number.NEGATIVE_INFINITY : Date.parse(filters.from),
    until: filters.until === null ? Number.POSITIVE_INFINITY : Date.parse(filters.until),
    asksForHoldings: selections.some(({ include, exclude }) => include.length + exclude.length > 0),
  };
}

function compileSurface(
  surface: Config["surfaces"][number],
  experiences: Map<string, CompiledExperience>,
): CompiledSurface {
  const components = surface.components.map(({ slug, cssSelector, metadata, slots }) => ({
    slug,
    metadata: cssSelector === null ? metadata : { ...metadata, cssSelector },
    slots: slots.flatMap(({ experience, placement }): CompiledSlot[] =>
      experience === null ? [] : [{ placement, experience: need(experiences.get(experience), experience) }],
    ),
  }));
  return { slug: surface.slug, components };
}

function need<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`compiled configuration lacks ${what}`);
  return value;
}
