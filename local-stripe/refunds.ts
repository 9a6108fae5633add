import type { Stripe } from "stripe";
import { chargeAnswer } from "./answers/charge.ts";
import { refundAnswer } from "./answers/refund.ts";
import type { Context } from "./context.ts";
import { formatAmount } from "./currencies.ts";
import { invalid, missing, noSuch, onlyOneOf, StripeRefusal } from "./errors.ts";
import { emit, previousOf } from "./events.ts";
import { newId } from "./ids.ts";
import { mergeMetadata } from "./metadata.ts";
import type { Records } from "./records.ts";
import { onlySimulated } from "./simulated.ts";

type ChargeRecord = Records["charge"];

/**
 * Gives back what is left of a charge, or a part of it (Stripe API reference, "Create a refund"). Throws a
 * `StripeRefusal` for a charge that did not succeed, is disputed or fully refunded, or an amount that is too large.
 */
export function createRefund(context: Context, params: Stripe.RefundCreateParams): Records["refund"] {
  onlySimulated(params, ["amount", "charge", "metadata", "payment_intent", "reason"]);
  const charge = chargeToRefund(context, params);
  const amount = refundAmount(charge, params.amount);
  const refund: Records["refund"] = {
    id: newId("re"),
    created: context.nowSeconds(),
    metadata: mergeMetadata({}, params.metadata),
    amount,
    charge: charge.id,
    currency: charge.currency,
    payment_intent: charge.payment_intent,
    reason: params.reason ?? null,
  };
  const refunded = { ...charge, amount_refunded: charge.amount_refunded + amount };
  context.store.put("refund", refund);
  context.store.put("charge", refunded);
  const after = chargeAnswer(refunded);
  emit(context, "refund.created", refundAnswer(refund));
  emit(context, "charge.refunded", after, previousOf(chargeAnswer(charge), after));
  return refund;
}

function chargeToRefund({ store }: Context, params: Stripe.RefundCreateParams): ChargeRecord {
  const { charge: chargeId, payment_intent: intentId } = params;
  if (chargeId !== undefined && intentId !== undefined) {
    throw onlyOneOf("charge", "payment_intent");
  }
  if (intentId !== undefined) {
    const intent = store.get("payment_intent", intentId);
    if (intent === undefined) {
      throw noSuch("payment_intent", intentId, "payment_intent");
    }
    const charge = store.get("charge", intent.latest_charge ?? "");
    if (charge?.status !== "succeeded") {
      throw invalid(`This PaymentIntent (${intentId}) does not have a successful charge to refund.`, {
        param: "payment_intent",
      });
    }
    return refundable(store, charge);
  }
  if (chargeId === undefined) {
    throw missing("charge");
  }
  const charge = store.get("charge", chargeId);
  if (charge === undefined) {
    throw noSuch("charge", chargeId, "charge");
  }
  if (charge.status !== "succeeded") {
    throw invalid(`The charge ${chargeId} has not succeeded and cannot be refunded.`, { param: "charge" });
  }
  return refundable(store, charge);
}

function refundable(store: Context["store"], charge: ChargeRecord): ChargeRecord {
  if (charge.amount_refunded === charge.amount) {
    throw new StripeRefusal(400, {
      type: "invalid_request_error",
      code: "charge_already_refunded",
      message: `Charge ${charge.id} has already been refunded.`,
    });
  }
  const dispute = store.find("dispute", { charge: charge.id });
  if (dispute !== undefined && !dispute.status.startsWith("warning_") && dispute.status !== "won") {
    throw invalid(`Charge ${charge.id} has been charged back; cannot issue a refund.`, { code: "charge_disputed" });
  }
  return charge;
}

function refundAmount({ amount: charged, amount_refunded: refunded, currency }: ChargeRecord, wanted?: number): number {
  const left = charged - refunded;
  const amount = wanted ?? left;
  if (amount < 1) {
    throw invalid("Invalid positive integer", { code: "parameter_invalid_integer", param: "amount" });
  }
  if (amount > left) {
    const bound = refunded === 0 ? "charge amount" : "unrefunded amount on charge";
    throw invalid(
      `Refund amount (${formatAmount(amount, currency)}) is greater than ${bound} (${formatAmount(left, currency)})`,
      { param: "amount" },
    );
  }
  return amount;
}
