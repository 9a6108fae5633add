import type { ComponentBehavior, OfferExplanation, Placement, WebElement } from "../schemas/decision.ts";
import type { JsonObject } from "../schemas/json.ts";
import type { CompiledConfig, CompiledExperience, CompiledOffer, CompiledSurface } from "./config/compiled.ts";
import { refusingFilter, type Visitor } from "./filters.ts";
import { type Presentation, type PresentationContext, presentOffer } from "./presentation.ts";

/** What a surface resolved to: what to place, the offers signed on the way, and why each was shown or not. */
export type Resolution = {
  componentBehaviors: Record<string, ComponentBehavior>;
  presentations: Presentation[];
  explanations: OfferExplanation[];
  /** Experiences that could not be rendered, and why: they are left out. */
  failures: { experience: string; fault: unknown }[];
};

/** What a resolution needs. */
export type ResolutionInput = {
  config: CompiledConfig;
  surface: CompiledSurface;
  visitor: Visitor;
  presentation: PresentationContext;
  resource: JsonObject;
};

/** Every component of a surface with nothing in it: what is shown when resolving fails. */
export function emptySurface(surface: CompiledSurface): Resolution {
  const behaviors = surface.components.map(({ slug, metadata }) => [slug, { content: {}, properties: {}, metadata }]);
  return { componentBehaviors: Object.fromEntries(behaviors), presentations: [], explanations: [], failures: [] };
}

/**
 * Resolves every slot of a surface by itself. An experience with offers is shown with those that the visitor's filters
 * let through, and not at all when they let none through. An offer is filtered and signed once, however often it is
 * shown.
 */
export async function resolveSurface(input: ResolutionInput): Promise<Resolution> {
  const { config, surface, visitor } = input;
  const refusals = new Map(consideredOffers(surface).map((offer) => [offer, refusingFilter(config, offer, visitor)]));
  const shown = [...refusals].filter(([, refusal]) => refusal === null).map(([offer]) => offer);
  const signed = await Promise.all(shown.map((offer) => presentOffer(input.presentation, offer)));
  const presentations = new Map(shown.map((offer, i) => [offer, signed[i]]));

  const explanations: OfferExplanation[] = [];
  const failures: Resolution["failures"] = [];
  const componentBehaviors: Record<string, ComponentBehavior> = {};
  for (const component of surface.components) {
    const content: Partial<Record<Placement, WebElement[]>> = {};
    for (const { placement, experience } of component.slots) {
      for (const offer of experience.offers) {
        const refusal = refusals.get(offer) ?? null;
        explanations.push(explain(component.slug, experience, offer, refusal));
      }
      try {
        const element = renderExperience(experience, presentations, input);
        if (element !== null) content[placement] = [...(content[placement] ?? []), element];
      } catch (fault) {
        failures.push({ experience: experience.slug, fault });
      }
    }
    componentBehaviors[component.slug] = { content, properties: {}, metadata: component.metadata };
  }
  return { componentBehaviors, presentations: signed, explanations, failures };
}

function consideredOffers(surface: CompiledSurface): CompiledOffer[] {
  return surface.components.flatMap(({ slots }) => slots.flatMap(({ experience }) => experience.offers));
}

function renderExperience(
  experience: CompiledExperience,
  presentations: Map<CompiledOffer, Presentation | undefined>,
  { visitor, resource }: ResolutionInput,
): WebElement | null {
  const offers = experience.offers.flatMap((offer) => presentations.get(offer)?.presented ?? []);
  if (experience.offers.length > 0 && offers.length === 0) return null;
  const { identifier, authType, isAuthenticated } = visitor.identity;
  const identity = { identifier, authType, isAuthenticated };
  return experience.render({ offer: offers[0] ?? null, offers, identity, resource });
}

function explain(
  component: string,
  experience: CompiledExperience,
  offer: CompiledOffer,
  refusal: ReturnType<typeof refusingFilter>,
): OfferExplanation {
  const where = { component, experience: experience.slug, offer: offer.offer.slug };
  if (refusal === null) return { ...where, presented: true, filter: null, detail: "every filter lets it through" };
  return { ...where, presented: false, ...refusal };
}
