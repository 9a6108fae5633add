import type { Identity } from "../schemas/identity.ts";
import type { PurchaseRequest } from "../schemas/sales.ts";
import type { CompiledOffer, CompiledPlan } from "./config/compiled.ts";
import { secretsOf } from "./event-data.ts";
import type { EventRecord } from "./events.ts";
import type { Caller } from "./keys.ts";
import { maskedText } from "./masking.ts";

/** What the event of a purchase that a page began is made of. */
export type PurchaseEventInput = {
  caller: Caller;
  request: PurchaseRequest;
  identity: Identity;
  offer: CompiledOffer;
  plan: CompiledPlan;
  begun: { purchaseId: string; eventId: string };
  offeringId: string;
  nowMs: number;
};

/** The event of a Checkout Session that was opened for a page. The way back, which leads to a session, is not in it. */
export function purchaseEvent(input: PurchaseEventInput): EventRecord {
  const { caller, request, identity, offer, plan, begun, offeringId, nowMs } = input;
  const { environment } = caller;
  const data = {
    keyId: caller.keyId,
    configVersion: environment.compiled.version,
    offer: { id: offer.id, slug: offer.offer.slug, planId: plan.id },
    purchaseId: begun.purchaseId,
    request,
  };
  return {
    id: begun.eventId,
    environmentId: environment.id,
    type: "purchase",
    status: "success",
    identifier: identity.identifier,
    offeringId,
    createdAt: nowMs,
    data: maskedText(data, secretsOf(environment)),
  };
}
