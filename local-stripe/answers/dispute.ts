import type { Stripe } from "stripe";
import type { Records } from "../records.ts";

/** Stripe API reference, "The Dispute object". Its balance transactions are not simulated. */
export function disputeAnswer(dispute: Records["dispute"]): Stripe.Dispute {
  const { id, evidence, due_by, submission_count, ...rest } = dispute;
  const inquiry = dispute.status.startsWith("warning_");
  return {
    id,
    object: "dispute",
    ...rest,
    balance_transactions: [],
    enhanced_eligibility_types: [],
    evidence: { ...noEvidence, ...evidence },
    evidence_details: {
      due_by,
      enhanced_eligibility: {},
      has_evidence: Object.keys(evidence).length > 0,
      past_due: false,
      submission_count,
      submission_method: submission_count > 0 ? "manual" : "not_submitted",
    },
    intended_submission_method: null,
    is_charge_refundable: inquiry,
    livemode: false,
    payment_method_details: {
      card: {
        brand: "visa",
        case_type: inquiry ? "inquiry" : "chargeback",
        network: "visa",
        network_reason_code: dispute.reason === "fraudulent" ? "10.4" : "13.1",
      },
      type: "card",
    },
  };
}

const noEvidence: Stripe.Dispute.Evidence = {
  access_activity_log: null,
  billing_address: null,
  cancellation_policy: null,
  cancellation_policy_disclosure: null,
  cancellation_rebuttal: null,
  customer_communication: null,
  customer_email_address: null,
  customer_name: null,
  customer_purchase_ip: null,
  customer_signature: null,
  duplicate_charge_documentation: null,
  duplicate_charge_explanation: null,
  duplicate_charge_id: null,
  enhanced_evidence: {},
  product_description: null,
  receipt: null,
  refund_policy: null,
  refund_policy_disclosure: null,
  refund_refusal_explanation: null,
  service_date: null,
  service_documentation: null,
  shipping_address: null,
  shipping_carrier: null,
  shipping_date: null,
  shipping_documentation: null,
  shipping_tracking_number: null,
  uncategorized_file: null,
  uncategorized_text: null,
};
