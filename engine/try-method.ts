import type { Identity } from "../schemas/identity.ts";
import type { CompiledOffer, CompiledPlan } from "./config/compiled.ts";
import { compilerOf } from "./config/compiler-of.ts";
import { checkWorkflow } from "./config/validate.ts";
import { visitorContext } from "./context.ts";
import type { Engine } from "./engine.ts";
import type { Environment } from "./environments.ts";
import { ScripError } from "./error.ts";
import { tryEvent } from "./event-data.ts";
import { newEventId } from "./event-id.ts";
import { runWorkflow, type WorkflowRun } from "./run-workflow.ts";

/** What to try: a method, or a workflow that would take its place, on one offer as one identity. */
export type TryInput = {
  environment: Environment;
  methodSlug: string;
  workflow: string | null;
  identity: Identity;
  offerSlug: string | null;
  planSlug: string | null;
  author: string;
};

/** What a try showed. */
export type Tried = { eventId: string; offer: string; plan: string | null; run: WorkflowRun };

/**
 * Runs a method's workflow for real, host calls included, without redeeming anything: no token, no claim, no purchase.
 * Throws `method_not_found`, `offer_not_found`, `config_invalid` for a workflow that does not compile, `compiler_unavailable`.
 */
export async function tryMethod(engine: Engine, input: TryInput): Promise<Tried> {
  const { environment, identity } = input;
  const { methods, config } = environment.compiled;
  const method = methods.get(input.methodSlug);
  if (method === undefined) throw new ScripError("method_not_found", `No redemption method "${input.methodSlug}"`);
  const offer = findOffer(input);
  const plan = findPlan(offer, input.planSlug);
  const workflow = input.workflow === null ? method.workflow : await compiled(engine, environment.id, input.workflow);
  const eventId = newEventId();
  const run = await runWorkflow(
    { engine, environment, budgets: config.budgets, sale: null, idempotencyKey: `scrip-try-${eventId}` },
    {
      runId: eventId,
      method: { ...method, workflow },
      input: {
        identity,
        offer,
        plan,
        offeringId: crypto.randomUUID(),
        token: "token-of-a-try",
        context: visitorContext({}, undefined),
        resource: null,
      },
      signal: AbortSignal.timeout(config.budgets.wallMs + 5000),
    },
  );
  engine.events.record(
    tryEvent({
      environment,
      methodSlug: method.slug,
      identity,
      offer,
      run,
      eventId,
      author: input.author,
      nowMs: engine.now(),
    }),
  );
  return { eventId, offer: offer.offer.slug, plan: plan?.plan.slug ?? null, run };
}

function findOffer({ environment, methodSlug, offerSlug }: TryInput): CompiledOffer {
  const offers = [...environment.compiled.offers.values()].filter(({ method }) => method.slug === methodSlug);
  const found = offerSlug === null ? offers[0] : offers.find(({ offer }) => offer.slug === offerSlug);
  if (found !== undefined) return found;
  const which = offerSlug === null ? "an offer" : `an offer "${offerSlug}"`;
  throw new ScripError("offer_not_found", `There is not ${which} that uses the method "${methodSlug}"`);
}

function findPlan(offer: CompiledOffer, slug: string | null): CompiledPlan | null {
  if (slug === null) return offer.plans[0] ?? null;
  const found = offer.plans.find(({ plan }) => plan.slug === slug);
  if (found !== undefined) return found;
  throw new ScripError("offer_not_found", `The offer "${offer.offer.slug}" has no plan "${slug}"`);
}

async function compiled(engine: Engine, environmentId: string, source: string) {
  const compile = await compilerOf(engine, environmentId);
  const check = await checkWorkflow({ compile, sandbox: engine.sandbox }, source, "workflow");
  if (check.ok) return check.workflow;
  throw new ScripError("config_invalid", "The workflow does not compile", { issues: check.issues });
}
