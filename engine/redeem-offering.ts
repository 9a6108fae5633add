import { events } from "../schemas/tables.ts";
import type { AdmittedRedemption } from "./admission.ts";
import { sessionStatus, sessionsOf } from "./checkout.ts";
import {
  type Claim,
  type ClaimDecision,
  type ClaimInput,
  claimRedemption,
  type RecordedAnswer,
  type RedemptionKey,
  recordOutcome,
  settleClaim,
  whyNot,
} from "./claims.ts";
import type { CompiledMethod } from "./config/compiled.ts";
import { visitorContext } from "./context.ts";
import { sha256Hex } from "./digest.ts";
import type { Engine } from "./engine.ts";
import { ScripError } from "./error.ts";
import { redemptionEvent } from "./event-data.ts";
import { newEventId } from "./event-id.ts";
import { grantRedemption, isCompletedByRedemption } from "./fulfilment/grant-redemption.ts";
import { noteGrants } from "./fulfilment/grants.ts";
import { identityKey } from "./identity.ts";
import { freePlaces } from "./places.ts";
import { answerOf, unavailableMessage } from "./redemption-answer.ts";
import { runWorkflow, type WorkflowRun } from "./run-workflow.ts";
import { sandboxBusy } from "./unavailable.ts";
import { tell, type WebhookMessage } from "./webhooks/outbox.ts";

/** How much longer than the workflow's wall time a claim is held: for queueing and for writing the answer. */
const leaseMarginMs = 10_000;
const pollMs = 100;

/** Runs the workflow of an offering, or finds the answer that it gave before. One process at a time decides. */
export async function redeemOffering(engine: Engine, admitted: AdmittedRedemption): Promise<RecordedAnswer> {
  const { environment } = admitted.caller;
  const { identity, claims, currentOffer } = admitted;
  const key: RedemptionKey = {
    environmentId: environment.id,
    offeringId: claims.jti,
    identityKey: identityKey(identity),
  };
  const leaseMs = environment.compiled.config.budgets.wallMs + leaseMarginMs;
  const deadlineMs = engine.now() + 2 * leaseMs;
  let placesAsked = false;
  let waits = 0;
  let hasWaited = false;
  while (engine.now() < deadlineMs) {
    const decision = await claim(engine, admitted, { key, leaseMs, hasWaited });
    hasWaited = decision.kind === "running" || decision.kind === "contended";
    switch (decision.kind) {
      case "claimed": {
        const answer = await attempt(engine, admitted, decision.claim, leaseMs);
        if (answer !== null) return answer;
        break;
      }
      case "running":
        await new Promise((resolve) => setTimeout(resolve, pollMs));
        break;
      case "answered": {
        const answer = await standingAnswer(engine, admitted, key, decision);
        if (answer !== null) return answer;
        break;
      }
      case "contended":
        // many may wait for the same few places: not all at once, and less and less often
        waits = Math.min(waits + 1, 10);
        await new Promise((resolve) => setTimeout(resolve, pollMs * waits * (0.5 + Math.random())));
        break;
      case "complete":
        throw new ScripError("already_redeemed", "This offer has been redeemed and paid for");
      case "limit-reached":
        if (placesAsked || !(await freePlaces(engine, admitted)))
          throw limitReached(decision.limit, currentOffer.offer.name);
        placesAsked = true;
    }
  }
  throw new ScripError("redemption_in_progress", "This offer is being redeemed: try again", { retryAfterSeconds: 5 });
}

/** Who has waited looks first, and takes no turn from whoever it waits for. */
async function claim(
  engine: Engine,
  admitted: AdmittedRedemption,
  { key, leaseMs, hasWaited }: { key: RedemptionKey; leaseMs: number; hasWaited: boolean },
): Promise<ClaimDecision> {
  const { offer, plan, claims, currentOffer } = admitted;
  const input: ClaimInput = {
    ...key,
    offerId: offer.id,
    planId: plan?.id ?? null,
    offerVersion: claims.version,
    limits: currentOffer.offer.limits,
    leaseMs,
    nowMs: engine.now(),
  };
  const found = hasWaited ? await whyNot(engine.storage.db, input) : { kind: "free" as const };
  return found.kind === "free" ? engine.storage.writeOne((tx) => claimRedemption(tx, input)) : found;
}

/** Runs the workflow once under a claim and settles it. Null when the claim was lost meanwhile. */
async function attempt(
  engine: Engine,
  admitted: AdmittedRedemption,
  claim: Claim,
  leaseMs: number,
): Promise<RecordedAnswer | null> {
  const { caller, claims, offer, plan, request } = admitted;
  const run = await runWorkflow(
    {
      engine,
      environment: caller.environment,
      budgets: caller.environment.compiled.config.budgets,
      identity: admitted.identity,
      method: methodFor(admitted).slug,
      sale: { claim, offerId: offer.id, planId: plan?.id ?? null, offerVersion: claims.version },
      idempotencyKey: await idempotencyKey(claim),
      guarded: false,
    },
    {
      runId: claim.claimId,
      method: methodFor(admitted),
      input: {
        identity: admitted.identity,
        offer,
        plan,
        offeringId: claims.jti,
        token: request.offerToken,
        context: visitorContext(request, admitted.mosUserAgent),
        resource: request.resource ?? null,
      },
      // a run must not outlive its claim
      signal: AbortSignal.timeout(leaseMs - leaseMarginMs / 2),
    },
  );
  return settle(engine, admitted, claim, run);
}

/**
 * Today's workflow, so that a mended one mends the tokens that are out; but the one of the token's version where the
 * offer has gone over to another method or schema since, because the values are made for that.
 */
function methodFor({ offer, currentOffer }: AdmittedRedemption): CompiledMethod {
  const [issued, current] = [offer.method, currentOffer.method];
  return issued.slug === current.slug && issued.schema === current.schema ? current : issued;
}

async function settle(
  engine: Engine,
  admitted: AdmittedRedemption,
  claim: Claim,
  run: WorkflowRun,
): Promise<RecordedAnswer | null> {
  const eventId = newEventId();
  const answer = answerOf(admitted, run, eventId);
  const sessions = await sessionsOf(engine, claim);
  const status = statusOf(run, sessions.length > 0);
  const ends = sessions.flatMap(({ sessionExpiresAt }) => (sessionExpiresAt === null ? [] : [sessionExpiresAt]));
  const nowMs = engine.now();
  const { environment } = admitted.caller;
  const grants = status === "succeeded" && sessions.length === 0 && isCompletedByRedemption(admitted);
  const kept = await engine.storage.write(async (tx) => {
    const settled = await settleClaim(tx, claim, {
      status,
      answer,
      expiresAt: status !== "succeeded" || ends.length === 0 ? null : Math.max(...ends),
      nowMs,
    });
    if (!settled) return null;
    await tx
      .insert(events)
      .values(redemptionEvent({ admitted, method: methodFor(admitted), claim, run, answer, eventId, nowMs }));
    if (status === "succeeded") await tell(tx, environment, [completedMessage(admitted, claim, eventId)], nowMs);
    return grants ? grantRedemption(tx, { admitted, claim, eventId, nowMs }) : [];
  });
  if (kept === null) return null;
  noteGrants(engine, kept);
  if (run.verdict.kind !== "unavailable") return answer;
  throw sandboxBusy(unavailableMessage, run.verdict, eventId);
}

function completedMessage(
  { offer, plan, identity }: AdmittedRedemption,
  claim: Claim,
  eventId: string,
): WebhookMessage {
  const redemption = { offeringId: claim.offeringId, offerId: offer.id, planId: plan?.id ?? null, eventId };
  return { type: "redemption.completed", data: { redemption, identifier: identity.identifier } };
}

/**
 * An answer that leads to a Checkout Session stands, also where the workflow calls it a refusal: it can be paid. A failure
 * after which nobody knows what Stripe did is an interruption: the next try sends the same requests with the same keys.
 */
function statusOf({ verdict, unheard }: WorkflowRun, sells: boolean): "succeeded" | "failed" | "interrupted" {
  const result = verdict.kind === "result" ? verdict.result : null;
  if (result?.success || (result?.url !== undefined && sells)) return "succeeded";
  return unheard ? "interrupted" : "failed";
}

/** An earlier answer, while its Checkout Session can still be paid. Null when the session has expired. */
async function standingAnswer(
  engine: Engine,
  { caller }: AdmittedRedemption,
  key: RedemptionKey,
  { answer, attempt, lapsed }: Extract<ClaimDecision, { kind: "answered" }>,
): Promise<RecordedAnswer | null> {
  const asked = { ...key, attempt };
  const status = await sessionStatus(engine, caller.environment, asked);
  if (status === "complete" || status === "expired") {
    await engine.storage.writeOne((tx) => recordOutcome(tx, asked, status));
    return null;
  }
  if (status === "unknown" && lapsed) {
    throw new ScripError("stripe_unreachable", "Stripe does not say whether this offer was paid for: try again", {
      retryAfterSeconds: 5,
    });
  }
  return answer;
}

function limitReached(limit: "total" | "perCustomer", name: string): ScripError {
  const whose = limit === "total" ? "is sold out" : "has been redeemed as often as one customer may";
  return new ScripError("limit_reached", `The offer "${name}" ${whose}`);
}

async function idempotencyKey({ environmentId, offeringId, identityKey, attempt }: Claim): Promise<string> {
  const digest = await sha256Hex(JSON.stringify([environmentId, offeringId, identityKey]));
  return `scrip-${digest.slice(0, 32)}-${attempt}`;
}
