import type { AccessCheck, AccessCheckRequest } from "../schemas/sales.ts";
import { findProducts, readCatalogue } from "./catalogue.ts";
import type { Engine } from "./engine.ts";
import { isActiveAt, readEntitlements, showEntitlement } from "./entitlements.ts";
import { isBulky } from "./event-data.ts";
import { newEventId } from "./event-id.ts";
import type { PendingEvent } from "./events.ts";
import { resolveIdentity } from "./identity.ts";
import type { Caller } from "./keys.ts";
import { maskedText } from "./masking.ts";
import { readAwaitingPayment } from "./read-purchases.ts";

/**
 * Says what somebody has access to at a moment, now unless the request names another. Always as the database has it, and
 * rejects where that does not answer: nobody has access because nobody could be asked. Throws the codes of
 * `resolveIdentity`.
 */
export async function checkAccess(engine: Engine, caller: Caller, request: AccessCheckRequest): Promise<AccessCheck> {
  const startedMs = performance.now();
  const { environment } = caller;
  const identity = await resolveIdentity(engine, caller, request.identity);
  // entitlements belong to members: an anonymous visitor has none, whatever the name
  const [rows, awaited] = identity.isAuthenticated
    ? await Promise.all([
        readEntitlements(engine.storage, environment.id, identity.identifier),
        readAwaitingPayment(engine.storage, environment.id, identity),
      ])
    : [[], []];
  const nowMs = engine.now();
  const atMs = request.at === undefined ? nowMs : Date.parse(request.at);
  const active = rows.filter((row) => isActiveAt(row, atMs, nowMs));
  const held = new Set(active.map(({ productId }) => productId));
  const asked = [...new Set(request.products ?? [])];
  const ids = await findProducts(engine.storage, environment, asked);
  const catalogue = await readCatalogue(engine.storage, environment, [
    ...held,
    ...awaited.flatMap(({ offerId, planId }) => (planId === null ? [offerId] : [offerId, planId])),
  ]);
  const check: AccessCheck = {
    status: "success",
    eventId: newEventId(),
    identity,
    customer: {
      isCustomer: rows.length > 0,
      hasProducts: held.size > 0,
      customerIdentifiers: rows.length > 0 ? [identity.identifier] : [],
    },
    features: {},
    at: new Date(atMs).toISOString(),
    entitlements: active.map((row) => showEntitlement(row, catalogue, atMs, nowMs)),
    access: Object.fromEntries(asked.map((name) => [name, held.has(ids.get(name) ?? "")])),
    unknownProducts: asked.filter((name) => !ids.has(name)),
    awaitingPayment: awaited.map(({ id, offerId, planId, createdAt }) => ({
      purchaseId: id,
      offer: catalogue(offerId),
      plan: planId === null ? null : catalogue(planId),
      createdAt: new Date(createdAt).toISOString(),
    })),
  };
  await engine.events.pressure();
  const durationMs = performance.now() - startedMs;
  engine.events.record(eventOf({ caller, request, check, durationMs, nowMs }));
  return check;
}

type Checked = { caller: Caller; request: AccessCheckRequest; check: AccessCheck; durationMs: number; nowMs: number };

function eventOf({ caller, request, check, durationMs, nowMs }: Checked): PendingEvent {
  const { environment, keyId } = caller;
  return {
    id: check.eventId,
    environmentId: environment.id,
    type: "access-check",
    status: "success",
    identifier: check.identity.identifier,
    offeringId: null,
    createdAt: nowMs,
    bulky: isBulky(request) || isBulky(check),
    data: () => {
      const about = { keyId, configVersion: environment.compiled.version, durationMs };
      return maskedText({ about, request, response: check });
    },
  };
}
