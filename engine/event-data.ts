import type { SurfaceDecision } from "../schemas/decision.ts";
import type { Identity } from "../schemas/identity.ts";
import type { OfferRedemptionRequest, SurfaceDecisionRequest } from "../schemas/request.ts";
import type { AdmittedRedemption } from "./admission.ts";
import type { Claim, RecordedAnswer } from "./claims.ts";
import type { CompiledMethod, CompiledOffer } from "./config/compiled.ts";
import { type Environment, maskedEnv } from "./environments.ts";
import type { ScripError } from "./error.ts";
import type { EventRecord, PendingEvent } from "./events.ts";
import type { Caller } from "./keys.ts";
import { mask, maskedText } from "./masking.ts";
import type { Presentation } from "./presentation.ts";
import type { Resolution } from "./resolve-surface.ts";
import type { WorkflowRun } from "./run-workflow.ts";

/** What a decision's event is made of. */
export type DecisionEventInput = {
  caller: Caller;
  request: SurfaceDecisionRequest;
  decision: SurfaceDecision;
  /** The decision as it was sent. */
  text: string;
  resolution: Resolution;
  degraded: string[];
  durationMs: number;
  nowMs: number;
};

/** The event of one decision: its request, answer, offerings and time. Tokens are masked, also inside HTML. */
export function decisionEvent(input: DecisionEventInput): PendingEvent {
  const { caller, request, decision, text: response, resolution, degraded, durationMs, nowMs } = input;
  const { presentations } = resolution;
  return {
    id: decision.eventId,
    environmentId: caller.environment.id,
    type: "surface-decision",
    status: degraded.length === 0 ? "success" : "degraded",
    identifier: decision.identity.identifier,
    offeringId: presentations[0]?.offeringIds[0] ?? null,
    createdAt: nowMs,
    bulky: isBulky(request),
    data: () => {
      const offerings = presentations.map(({ presented, offeringIds }) => ({ offerId: presented.id, offeringIds }));
      const about = {
        keyId: caller.keyId,
        configVersion: caller.environment.compiled.version,
        durationMs,
        offerings,
        degraded,
      };
      // the answer is large, is text already, and holds no secrets but its tokens
      const text = `{"about":${JSON.stringify(about)},"request":${maskedText(request)},"response":${response}}`;
      return presentations.flatMap(tokensOf).reduce((rest, token) => rest.replaceAll(token, mask), text);
    },
  };
}

/** Whether a value has many members or long texts. Looks no further than it must. */
export function isBulky(value: unknown): boolean {
  const rest: unknown[] = [value];
  let room = 4096;
  for (let next = rest.pop(); next !== undefined && room > 0; next = rest.pop()) {
    room -= typeof next === "string" ? next.length : 16;
    if (typeof next !== "object" || next === null) continue;
    for (const key in next) {
      room -= key.length;
      if (room <= 0) return true;
      rest.push(Reflect.get(next, key) ?? null);
    }
  }
  return room <= 0;
}

function tokensOf({ presented }: Presentation): string[] {
  return [presented.token, ...(presented.plans ?? []).map(({ token }) => token)];
}

/** What the event of a workflow's run is made of. */
export type RedemptionEventInput = {
  admitted: AdmittedRedemption;
  method: CompiledMethod;
  claim: Claim;
  run: WorkflowRun;
  answer: RecordedAnswer;
  eventId: string;
  nowMs: number;
};

/** The event of one attempt: request, offer, run with its logs and host calls, answer. Written with the answer itself. */
export function redemptionEvent(input: RedemptionEventInput): EventRecord {
  const { admitted, method, claim, run, answer, eventId, nowMs } = input;
  const { caller, claims, offer, plan, request } = admitted;
  const { environment } = caller;
  const data = {
    keyId: caller.keyId,
    configVersion: environment.compiled.version,
    offer: { id: offer.id, slug: offer.offer.slug, version: claims.version, planId: plan?.id ?? null },
    method: { id: method.id, slug: method.slug },
    attempt: claim.attempt,
    request,
    response: answer,
    run: shownRun(run, environment),
  };
  return {
    id: eventId,
    environmentId: environment.id,
    type: "offer-redemption",
    status: statusOf(run, answer),
    identifier: admitted.identity.identifier,
    offeringId: claims.jti,
    createdAt: nowMs,
    data: maskedText(data, [request.offerToken, ...secretsOf(environment)]),
  };
}

function statusOf({ verdict }: WorkflowRun, { status }: RecordedAnswer): string {
  if (verdict.kind !== "result") return verdict.kind === "broken" ? "workflow_error" : "sandbox_busy";
  return verdict.result.success ? "success" : `refused_${status}`;
}

/** What a refusal's event is made of. */
export type RefusalEventInput = {
  caller: Caller;
  request: OfferRedemptionRequest;
  identity: Identity;
  error: ScripError;
  eventId: string;
  nowMs: number;
};

/** The event of a redemption that was refused before its workflow ran. */
export function refusalEvent({ caller, request, identity, error, eventId, nowMs }: RefusalEventInput): PendingEvent {
  return {
    id: eventId,
    environmentId: caller.environment.id,
    type: "offer-redemption",
    status: error.code,
    identifier: identity.identifier,
    offeringId: null,
    createdAt: nowMs,
    bulky: isBulky(request),
    data: () =>
      maskedText({ keyId: caller.keyId, request, refusal: { code: error.code, message: error.message } }, [
        request.offerToken,
      ]),
  };
}

/** What the event of a try is made of. */
export type TryEventInput = {
  environment: Environment;
  methodSlug: string;
  identity: Identity;
  offer: CompiledOffer;
  run: WorkflowRun;
  eventId: string;
  secretsMasked: boolean;
  author: string;
  nowMs: number;
};

/** The event of a workflow that an operator tried. */
export function tryEvent(input: TryEventInput): PendingEvent {
  const { environment, methodSlug, identity, offer, run, eventId, secretsMasked, author, nowMs } = input;
  return {
    id: eventId,
    environmentId: environment.id,
    type: "method-try",
    status: run.outcome,
    identifier: identity.identifier,
    offeringId: null,
    createdAt: nowMs,
    data: () =>
      maskedText(
        {
          author,
          secretsMasked,
          method: methodSlug,
          offer: { id: offer.id, slug: offer.offer.slug },
          run: shownRun(run, environment),
        },
        secretsOf(environment),
      ),
  };
}

/** Every secret of an environment that could turn up in what a workflow says or is answered. */
export function secretsOf({ secrets, stripeAccounts, stripeWebhookSecrets }: Environment): string[] {
  return [...secrets.values(), ...stripeAccounts.values(), ...[...stripeWebhookSecrets.values()].flat()];
}

/** A run as it may be shown and kept: the secrets in its `env` are masked by name, because one may be too short to find. */
export function shownRun(run: WorkflowRun, environment: Environment): WorkflowRun {
  return { ...run, input: { ...run.input, env: maskedEnv(environment) } };
}
