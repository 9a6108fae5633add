import Mustache from "mustache";
import * as v from "valibot";
import { type Config, type Experience, type Offer, StripeCheckoutValues } from "../../schemas/config.ts";
import type { Issue } from "../../schemas/errors.ts";
import { checkoutProblems, stripeCheckoutSchema } from "../instructions.ts";
import { issuesOf } from "../issues.ts";

/** The redemption schemas that are built in (MonetizationOS `mos:`). */
export const builtInSchemas: readonly string[] = [stripeCheckoutSchema];

type Report = (path: string, message: string) => void;

/** Everything in a well-formed document that does not fit together, each with its path. */
export function referenceIssues(config: Config): Issue[] {
  const issues: Issue[] = [];
  const report: Report = (path, message) => issues.push({ path, message });
  for (const section of ["products", "plans", "redemptionMethods", "offers", "experiences", "surfaces"] as const) {
    unique(
      config[section].map(({ slug }) => slug),
      (i) => `${section}.${i}.slug`,
      report,
    );
  }
  unique(
    config.schemas.map(({ id }) => id),
    (i) => `schemas.${i}.id`,
    report,
  );
  config.plans.forEach((plan, i) => {
    known(plan.products, config.products, `plans.${i}.products`, "product", report);
  });
  config.redemptionMethods.forEach(({ schema }, i) => {
    const custom = config.schemas.filter((s) => s.purpose === "offer-redemption").map((s) => s.id);
    if (schema !== null && ![...builtInSchemas, ...custom].includes(schema)) {
      report(
        `redemptionMethods.${i}.schema`,
        `unknown redemption schema "${schema}": one of ${[...builtInSchemas, ...custom].join(", ")}, or null`,
      );
    }
  });
  config.offers.forEach((offer, i) => {
    checkOffer(config, offer, `offers.${i}`, report);
  });
  config.experiences.forEach((experience, i) => {
    checkExperience(config, experience, `experiences.${i}`, report);
  });
  config.surfaces.forEach((surface, i) => {
    checkSurface(config, surface, `surfaces.${i}`, report);
  });
  return issues;
}

function checkOffer(config: Config, offer: Offer, path: string, report: Report): void {
  known(offer.plans, config.plans, `${path}.plans`, "plan", report);
  unique(offer.plans, (i) => `${path}.plans.${i}`, report);
  for (const side of ["include", "exclude"] as const) {
    known(offer.filters.plans[side], config.plans, `${path}.filters.plans.${side}`, "plan", report);
    known(offer.filters.products[side], config.products, `${path}.filters.products.${side}`, "product", report);
  }
  const { from, until } = offer.filters;
  if (from !== null && until !== null && Date.parse(from) >= Date.parse(until)) {
    report(`${path}.filters.until`, "must be later than from");
  }
  if (offer.presentationSchema !== null) {
    knownSchema(config, offer.presentationSchema, "offer-presentation", `${path}.presentation`, report);
  }
  const method = config.redemptionMethods.find(({ slug }) => slug === offer.method);
  if (method === undefined) {
    report(`${path}.method`, `unknown redemption method "${offer.method}"`);
  } else if (method.schema === stripeCheckoutSchema) {
    checkStripeCheckout(config, offer, path, report);
  } else if (method.schema !== null) {
    knownSchema(config, method.schema, "offer-redemption", `${path}.redemption`, report);
  }
}

function checkStripeCheckout(config: Config, offer: Offer, path: string, report: Report): void {
  const values = v.safeParse(StripeCheckoutValues, offer.redemption);
  if (!values.success) {
    for (const issue of issuesOf(values.issues)) report(join(`${path}.redemption`, issue.path), issue.message);
    return;
  }
  const plans = config.plans.filter(({ slug }) => offer.plans.includes(slug));
  for (const problem of checkoutProblems(values.output, offer, plans)) {
    report(join(`${path}.redemption`, problem.path), problem.message);
  }
}

function checkExperience(config: Config, experience: Experience, path: string, report: Report): void {
  known(experience.offers, config.offers, `${path}.offers`, "offer", report);
  unique(experience.offers, (i) => `${path}.offers.${i}`, report);
  if (experience.type === "app") {
    if (config.schemas.some(({ id }) => id === experience.schema)) {
      knownSchema(config, experience.schema, "experience", `${path}.props`, report);
    }
    return;
  }
  for (const part of ["html", "css"] as const) {
    try {
      Mustache.parse(experience[part]);
    } catch (error) {
      report(`${path}.${part}`, `not a Mustache template: ${error instanceof Error ? error.message : error}`);
    }
  }
  if (/<\/script/i.test(experience.js)) report(`${path}.js`, "must not contain </script");
  if (/<\/style/i.test(experience.css)) report(`${path}.css`, "must not contain </style");
}

function checkSurface(config: Config, surface: Config["surfaces"][number], path: string, report: Report): void {
  unique(
    surface.components.map(({ slug }) => slug),
    (i) => `${path}.components.${i}.slug`,
    report,
  );
  surface.components.forEach((component, i) => {
    unique(
      component.slots.map(({ key }) => key),
      (j) => `${path}.components.${i}.slots.${j}.key`,
      report,
    );
    component.slots.forEach(({ experience }, j) => {
      if (experience === null || config.experiences.some(({ slug }) => slug === experience)) return;
      report(`${path}.components.${i}.slots.${j}.experience`, `unknown experience "${experience}"`);
    });
  });
}

/** Whether the value fits is asked by `schema-issues.ts`. */
function knownSchema(config: Config, schemaId: string, purpose: string, path: string, report: Report): void {
  if (config.schemas.some((s) => s.id === schemaId && s.purpose === purpose)) return;
  report(path, `schema "${schemaId}" is not among schemas with purpose ${purpose}`);
}

function unique(values: string[], path: (index: number) => string, report: Report): void {
  const seen = new Set<string>();
  values.forEach((value, i) => {
    if (seen.has(value)) report(path(i), `"${value}" is used twice`);
    seen.add(value);
  });
}

function known(slugs: string[], among: { slug: string }[], path: string, noun: string, report: Report): void {
  const there = new Set(among.map(({ slug }) => slug));
  slugs.forEach((slug, i) => {
    if (!there.has(slug)) report(`${path}.${i}`, `unknown ${noun} "${slug}"`);
  });
}

function join(base: string, rest: string): string {
  return rest === "" ? base : `${base}.${rest}`;
}
