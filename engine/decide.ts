import type { SurfaceDecision } from "../schemas/decision.ts";
import type { Identity } from "../schemas/identity.ts";
import type { SurfaceDecisionRequest } from "../schemas/request.ts";
import type { CompiledSurface } from "./config/compiled.ts";
import { visitorContext } from "./context.ts";
import type { Engine } from "./engine.ts";
import { type Holdings, noHoldings, readHoldings } from "./entitlements.ts";
import { ScripError } from "./error.ts";
import { decisionEvent } from "./event-data.ts";
import { newEventId } from "./event-id.ts";
import { resolveIdentity } from "./identity.ts";
import type { Caller } from "./keys.ts";
import type { PresentationContext } from "./presentation.ts";
import { emptySurface, type Resolution, resolveSurface } from "./resolve-surface.ts";

/** A decision request with what its headers said. */
export type DecisionInput = { request: SurfaceDecisionRequest; mosUserAgent: string | undefined };

/** A decision, and the very text that is both sent and recorded: it is serialised once. */
export type Decided = { decision: SurfaceDecision; text: string };

/**
 * Decides what a surface shows to somebody, and signs the offers in it. Throws for a request that is wrong
 * (`surface_not_found`, the codes of `resolveIdentity`). What fails on our side is left out of the page, which is
 * shown all the same, and named in `degraded` for those who hold a secret key.
 */
export async function decide(engine: Engine, caller: Caller, input: DecisionInput): Promise<Decided> {
  const startedMs = performance.now();
  const { request } = input;
  const nowMs = engine.now();
  const identity = await resolveIdentity(engine, caller, request.identity);
  const surface = findSurface(caller, request.surfaceSlug);
  const degraded: string[] = [];
  const holdings = await holdingsOf(engine, caller, identity, nowMs, degraded);
  const { countryCode } = visitorContext(request, input.mosUserAgent);
  const resolution = await resolveSurface({
    config: caller.environment.compiled,
    surface,
    visitor: { identity, countryCode, holdings, nowMs },
    presentation: presentationContext(caller, request, identity, nowMs),
    resource: request.resource ?? {},
  }).catch((fault: unknown) => {
    engine.onFault(fault, `surface ${surface.slug} could not be resolved`);
    degraded.push("surface_failed");
    return emptySurface(surface);
  });
  for (const { experience, fault } of resolution.failures) {
    engine.onFault(fault, `experience ${experience} could not be rendered`);
    degraded.push("experience_failed");
  }
  const decision = answer(caller, request, { identity, holdings, resolution, degraded });
  const text = JSON.stringify(decision);
  if (!request.dryRun) {
    await engine.events.pressure();
    const durationMs = performance.now() - startedMs;
    engine.events.record(decisionEvent({ caller, request, decision, text, resolution, degraded, durationMs, nowMs }));
  }
  return { decision, text };
}

function findSurface({ environment }: Caller, slug: string): CompiledSurface {
  const surface = environment.compiled.surfaces.get(slug);
  if (surface !== undefined) return surface;
  throw new ScripError("surface_not_found", `No surface "${slug}" in this environment`);
}

async function holdingsOf(
  engine: Engine,
  { environment }: Caller,
  identity: Identity,
  nowMs: number,
  degraded: string[],
): Promise<Holdings | null> {
  // entitlements belong to members: an anonymous visitor has none
  if (!identity.isAuthenticated || !engine.holders.mayHold(environment.id, identity.identifier)) return noHoldings;
  try {
    return await readHoldings(engine.storage, environment.id, identity.identifier, nowMs);
  } catch (fault) {
    engine.onFault(fault, "entitlements could not be read");
    degraded.push("entitlements_unavailable");
    return null;
  }
}

function presentationContext(
  { environment }: Caller,
  request: SurfaceDecisionRequest,
  identity: Identity,
  nowMs: number,
): PresentationContext {
  return {
    environmentId: environment.id,
    version: environment.compiled.version,
    surface: request.surfaceSlug,
    identity,
    key: environment.signing.current,
    ttlSeconds: environment.compiled.config.offerTokenTtlSeconds,
    dryRun: request.dryRun,
    nowMs,
  };
}

type Outcome = { identity: Identity; holdings: Holdings | null; resolution: Resolution; degraded: string[] };

function answer(caller: Caller, request: SurfaceDecisionRequest, outcome: Outcome): SurfaceDecision {
  const { identity, resolution, degraded } = outcome;
  const { known, products } = outcome.holdings ?? noHoldings;
  const customerIdentifiers = known ? [identity.identifier] : [];
  return {
    status: "success",
    eventId: newEventId(),
    identity,
    customer: { isCustomer: known, hasProducts: products.size > 0, customerIdentifiers },
    features: {},
    surfaceBehavior: {},
    componentsSkipped: false,
    componentBehaviors: resolution.componentBehaviors,
    offers: resolution.presentations.map(({ presented }) => presented),
    ...(request.explain ? { explain: resolution.explanations } : {}),
    ...(degraded.length > 0 && caller.kind === "sk" ? { degraded } : {}),
  };
}
