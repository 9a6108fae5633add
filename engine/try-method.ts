import type { Identity } from "../schemas/identity.ts";
import type { Admin } from "./admin.ts";
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
import { sandboxBusy, type Unavailable } from "./unavailable.ts";

/** What to try: a method, or a workflow that would take its place, on one offer as one identity. */
export type TryInput = {
  environment: Environment;
  methodSlug: string;
  workflow: string | null;
  identity: Identity;
  offerSlug: string | null;
  planSlug: string | null;
  author: Admin;
};

/** What a try showed. `secretsMasked` says that the run saw `***` in the place of each secret. */
export type Tried = {
  eventId: string;
  offer: string;
  plan: string | null;
  secretsMasked: boolean;
  run: WorkflowRun;
};

/**
 * Runs a method's workflow for real, host calls included, without redeeming anything: no token, no claim, no purchase, no
 * change of our own data. A source of somebody who may not publish it is guarded (decision 0016).
 * Throws `method_not_found`, `offer_not_found`, `config_invalid` for a workflow that does not compile, `compiler_unavailable`,
 * or `sandbox_busy` when nothing of it was run.
 */
export async function tryMethod(engine: Engine, input: TryInput): Promise<Tried> {
  const { environment, identity } = input;
  const { methods, config } = environment.compiled;
  const method = methods.get(input.methodSlug);
  if (method === undefined) throw new ScripError("method_not_found", `No redemption method "${input.methodSlug}"`);
  const offer = findOffer(input);
  const plan = findPlan(offer, input.planSlug);
  const workflow = input.workflow === null ? method.workflow : await compiled(engine, environment.id, input.workflow);
  const guarded = input.workflow !== null && input.author.role !== "publisher";
  const eventId = newEventId();
  const run = await runWorkflow(
    {
      engine,
      environment,
      budgets: config.budgets,
      identity,
      method: method.slug,
      sale: null,
      idempotencyKey: `scrip-try-${eventId}`,
      guarded,
    },
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
      secretsMasked: guarded,
      author: input.author.label,
      nowMs: engine.now(),
    }),
  );
  if (run.verdict.kind === "unavailable" && neverRan.has(run.verdict.cause)) {
    throw sandboxBusy(`The workflow could not be tried: ${run.verdict.reason}`, run.verdict, eventId);
  }
  return { eventId, offer: offer.offer.slug, plan: plan?.plan.slug ?? null, secretsMasked: guarded, run };
}

/** Where a run began, what became of it is worth showing to whoever tries the workflow. */
const neverRan: ReadonlySet<string> = new Set<Unavailable["cause"]>(["busy", "resting", "no-process"]);

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
  const { sandbox, budgetMaxima } = engine;
  const check = await checkWorkflow({ compile, sandbox, budgetMaxima }, source, "workflow");
  if (check.ok) return check.workflow;
  throw new ScripError("config_invalid", "The workflow does not compile", { issues: check.issues });
}
