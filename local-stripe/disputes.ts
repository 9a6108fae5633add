import type { Stripe } from "stripe";
import { disputeAnswer } from "./answers/dispute.ts";
import type { Context } from "./context.ts";
import { invalid, noSuch, notSimulated } from "./errors.ts";
import { emit, previousOf } from "./events.ts";
import { newId } from "./ids.ts";
import { mergeMetadata } from "./metadata.ts";
import type { Records } from "./records.ts";
import { onlySimulated } from "./simulated.ts";

type DisputeRecord = Records["dispute"];

/** How a dispute begins: the money is taken back at once, or the bank only asks. */
export type OpeningStatus = "needs_response" | "warning_needs_response";

/** How a dispute ends. */
export type ClosingStatus = "won" | "lost" | "warning_closed";

/**
 * A buyer's bank disputes a charge, given by its id or its payment intent's (Stripe docs, "How disputes work"). An
 * inquiry that is still open becomes a chargeback when the same charge is disputed with `needs_response`.
 */
export function disputeCharge(
  context: Context,
  id: string,
  { status, reason }: { status: OpeningStatus; reason: string },
): DisputeRecord {
  const { store } = context;
  const charge = store.get("charge", store.get("payment_intent", id)?.latest_charge ?? id);
  if (charge?.status !== "succeeded") {
    throw invalid(`There is no successful charge to dispute: '${id}'`);
  }
  const known = store.find("dispute", { charge: charge.id });
  if (known !== undefined) {
    return escalated(context, known, status);
  }
  const now = context.nowSeconds();
  const dispute: DisputeRecord = {
    id: newId("du"),
    created: now,
    metadata: {},
    amount: charge.amount,
    charge: charge.id,
    currency: charge.currency,
    payment_intent: charge.payment_intent,
    reason,
    evidence: {},
    due_by: now + 9 * 86_400,
    submission_count: 0,
    status,
  };
  store.put("charge", { ...charge, disputed: true });
  store.put("dispute", dispute);
  emit(context, "charge.dispute.created", disputeAnswer(dispute));
  if (status === "needs_response") {
    emit(context, "charge.dispute.funds_withdrawn", disputeAnswer(dispute));
  }
  return dispute;
}

/** Ends a dispute; what is won comes back, an inquiry can only be closed. Throws a `StripeRefusal` for any other. */
export function closeDispute(context: Context, id: string, status: ClosingStatus): DisputeRecord {
  const dispute = disputeOf(context, id);
  const inquiry = dispute.status.startsWith("warning_");
  if (!isOpen(dispute) || inquiry !== (status === "warning_closed")) {
    throw invalid(`A dispute with a status of \`${dispute.status}\` cannot become \`${status}\`.`);
  }
  const closed: DisputeRecord = { ...dispute, status };
  context.store.put("dispute", closed);
  if (status === "won") {
    emit(context, "charge.dispute.funds_reinstated", disputeAnswer(closed));
  }
  emit(context, "charge.dispute.closed", disputeAnswer(closed), { status: dispute.status });
  return closed;
}

/** Stripe API reference, "Update a dispute": evidence as text, and handing it in. */
export function updateDispute(context: Context, id: string, params: Stripe.DisputeUpdateParams): DisputeRecord {
  onlySimulated(params, ["evidence", "metadata", "submit"]);
  const dispute = disputeOf(context, id);
  const { evidence = {}, metadata, submit = false } = params;
  if ((params.evidence !== undefined || submit) && !isOpen(dispute)) {
    throw invalid("This dispute is already closed");
  }
  const review = dispute.status.startsWith("warning_") ? ("warning_under_review" as const) : ("under_review" as const);
  return changed(context, dispute, {
    evidence: { ...dispute.evidence, ...textsOf(evidence) },
    metadata: mergeMetadata(dispute.metadata, metadata),
    status: submit ? review : dispute.status,
    submission_count: dispute.submission_count + (submit ? 1 : 0),
  });
}

/** The dispute with this id, or the 404 Stripe gives. */
export function disputeOf({ store }: Context, id: string): DisputeRecord {
  const dispute = store.get("dispute", id);
  if (dispute === undefined) {
    throw noSuch("dispute", id, "dispute", 404);
  }
  return dispute;
}

function escalated(context: Context, dispute: DisputeRecord, status: OpeningStatus): DisputeRecord {
  if (status !== "needs_response" || !isOpen(dispute) || !dispute.status.startsWith("warning_")) {
    throw invalid(`The charge ${dispute.charge} has been disputed already: ${dispute.id}`);
  }
  const chargeback = changed(context, dispute, { status });
  emit(context, "charge.dispute.funds_withdrawn", disputeAnswer(chargeback));
  return chargeback;
}

function changed(context: Context, dispute: DisputeRecord, change: Partial<DisputeRecord>): DisputeRecord {
  const after: DisputeRecord = { ...dispute, ...change };
  context.store.put("dispute", after);
  const answer = disputeAnswer(after);
  emit(context, "charge.dispute.updated", answer, previousOf(disputeAnswer(dispute), answer));
  return after;
}

function isOpen({ status }: DisputeRecord): boolean {
  return /needs_response$|under_review$/.test(status);
}

function textsOf(evidence: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(evidence).map(([name, text]: [string, unknown]) => {
      if (typeof text !== "string") {
        throw notSimulated(`evidence[${name}]`);
      }
      return [name, text];
    }),
  );
}
