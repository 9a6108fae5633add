import * as v from "valibot";
import { type ExplainedEntitlement, entitlementStates, overBecause } from "../engine/explain-entitlements.ts";
import type { MemberEvent } from "../engine/read-members.ts";
import { type DescribedPurchase, listedStatuses } from "../engine/read-purchases.ts";
import { Json } from "../schemas/json.ts";
import { isoTime } from "./time.ts";

const Time = v.pipe(v.string(), v.isoTimestamp());
const OptionalTime = v.nullable(Time);
const Named = v.object({ id: v.string(), slug: v.string(), name: v.string() });

/** Somebody who holds or held something, as operators see them. */
export const MemberShown = v.object({
  id: v.string(),
  identifier: v.string(),
  email: v.nullable(v.string()),
  createdAt: Time,
});

/** An entitlement as operators see it: to what, since when, until when, what granted it and what took it back. */
export const EntitlementExplained = v.object({
  id: v.string(),
  memberId: v.nullable(v.string()),
  identifier: v.string(),
  guest: v.nullable(v.string()),
  product: Named,
  state: v.picklist(entitlementStates),
  startedAt: Time,
  endedAt: OptionalTime,
  over: v.nullable(v.object({ at: Time, because: v.picklist(overBecause), reason: v.nullable(v.string()) })),
  cause: v.object({ type: v.string(), subject: v.string() }),
  reason: v.nullable(v.string()),
  plan: v.nullable(Named),
  offer: v.nullable(Named),
  offeringId: v.nullable(v.string()),
  purchase: v.nullable(v.object({ id: v.string(), status: v.string(), completedAt: OptionalTime })),
  createdAt: Time,
});

/** A purchase as operators see it. Amounts in the currency's smallest unit. */
export const PurchaseShown = v.object({
  id: v.string(),
  status: v.picklist(["pending", ...listedStatuses]),
  awaitingPayment: v.boolean(),
  member: v.nullable(MemberShown),
  begunBy: v.string(),
  guest: v.nullable(v.string()),
  offer: Named,
  plan: v.nullable(Named),
  offeringId: v.string(),
  amountMinor: v.nullable(v.number()),
  currency: v.nullable(v.string()),
  onRefund: v.nullable(v.picklist(["revoke", "keep"])),
  stripe: v.object({
    accountId: v.string(),
    sessionId: v.string(),
    paymentIntentId: v.nullable(v.string()),
    subscriptionId: v.nullable(v.string()),
  }),
  createdAt: Time,
  completedAt: OptionalTime,
});

/** Something that happened to a member; `subject` is what it is about. */
export const HistoryShown = v.object({
  id: v.string(),
  type: v.string(),
  subject: v.string(),
  data: Json,
  createdAt: Time,
});

type Row = { id: string; identifier: string; email: string | null; createdAt: number };

/** A member as answers carry it. */
export function shownMember({ id, identifier, email, createdAt }: Row): v.InferInput<typeof MemberShown> {
  return { id, identifier, email, createdAt: isoTime(createdAt) };
}

/** An entitlement as answers carry it. */
export function shownEntitlement(row: ExplainedEntitlement): v.InferInput<typeof EntitlementExplained> {
  const { id, memberId, identifier, guest, product, state, over, reason, plan, offer, offeringId, purchase } = row;
  return {
    id,
    memberId,
    identifier,
    guest,
    product,
    state,
    startedAt: isoTime(row.startedAt),
    endedAt: optionalTime(row.endedAt),
    over: over === null ? null : { at: isoTime(over.atMs), because: over.because, reason: over.reason },
    cause: causeIn(row.cause),
    reason,
    plan,
    offer,
    offeringId,
    purchase: purchase === null ? null : { ...purchase, completedAt: optionalTime(purchase.completedAt) },
    createdAt: isoTime(row.createdAt),
  };
}

/** A purchase as answers carry it. */
export function shownPurchase(row: DescribedPurchase): v.InferInput<typeof PurchaseShown> {
  const { id, status, awaitingPayment, member, guest, offer, plan, offeringId, amountMinor, currency, onRefund } = row;
  const { accountId, sessionId, paymentIntentId, subscriptionId } = row;
  return {
    id,
    status,
    awaitingPayment,
    member: member === null ? null : shownMember(member),
    begunBy: row.identityKey,
    guest,
    offer,
    plan,
    offeringId,
    amountMinor,
    currency,
    onRefund,
    stripe: { accountId, sessionId, paymentIntentId, subscriptionId },
    createdAt: isoTime(row.createdAt),
    completedAt: optionalTime(row.completedAt),
  };
}

/** An event of a member's history as answers carry it. */
export function shownHistory({ id, type, subject, data, createdAt }: MemberEvent): v.InferInput<typeof HistoryShown> {
  return { id, type, subject, data, createdAt: isoTime(createdAt) };
}

/** `invoice:in_1` is an `invoice`, and which one. */
function causeIn(cause: string): { type: string; subject: string } {
  const colon = cause.indexOf(":");
  return { type: cause.slice(0, colon), subject: cause.slice(colon + 1) };
}

function optionalTime(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms);
}
