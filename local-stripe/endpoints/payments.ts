import { accountAnswer } from "../answers/account.ts";
import { chargeAnswer } from "../answers/charge.ts";
import { disputeAnswer } from "../answers/dispute.ts";
import { paymentIntentAnswer, setupIntentAnswer } from "../answers/intents.ts";
import { refundAnswer } from "../answers/refund.ts";
import { closeDispute, disputeOf, updateDispute } from "../disputes.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import { found } from "../errors.ts";
import { listPage } from "../list-page.ts";
import { createRefund } from "../refunds.ts";
import { onlySimulated, pageParams } from "../simulated.ts";

/** Money that came in: Stripe API reference, "PaymentIntents", "SetupIntents", "Charges". */
export const paymentEndpoints: Endpoint[] = [
  endpoint("GET", "/v1/payment_intents", "paymentIntentList", (context, params) => {
    onlySimulated(params, [...pageParams, "customer"]);
    const { customer } = params;
    const kind = "payment_intent";
    const url = "/v1/payment_intents";
    return listPage(context, { kind, name: kind, url, params, by: { customer }, answer: paymentIntentAnswer });
  }),
  endpoint("GET", "/v1/payment_intents/:id", "paymentIntentRetrieve", ({ store }, _, id) =>
    paymentIntentAnswer(found(store.get("payment_intent", id), "payment_intent", id, "intent")),
  ),
  endpoint("GET", "/v1/setup_intents/:id", "setupIntentRetrieve", ({ store }, _, id) =>
    setupIntentAnswer(found(store.get("setup_intent", id), "setupintent", id, "intent")),
  ),
  endpoint("GET", "/v1/charges", "chargeList", (context, params) => {
    onlySimulated(params, [...pageParams, "customer", "payment_intent"]);
    const { customer, payment_intent } = params;
    const by = { customer, payment_intent };
    return listPage(context, { kind: "charge", name: "charge", url: "/v1/charges", params, by, answer: chargeAnswer });
  }),
  endpoint("GET", "/v1/charges/:id", "chargeRetrieve", ({ store }, _, id) =>
    chargeAnswer(found(store.get("charge", id), "charge", id, "charge")),
  ),
];

/** Money that goes back: Stripe API reference, "Refunds", "Disputes". */
export const returnEndpoints: Endpoint[] = [
  endpoint("POST", "/v1/refunds", "refundCreate", (context, params) => refundAnswer(createRefund(context, params))),
  endpoint("GET", "/v1/refunds", "refundList", (context, params) => {
    const { charge, payment_intent } = params;
    const by = { charge, payment_intent };
    return listPage(context, { kind: "refund", name: "refund", url: "/v1/refunds", params, by, answer: refundAnswer });
  }),
  endpoint("GET", "/v1/refunds/:id", "refundRetrieve", ({ store }, _, id) =>
    refundAnswer(found(store.get("refund", id), "refund", id, "refund")),
  ),
  endpoint("GET", "/v1/disputes", "disputeList", (context, params) => {
    const { charge, payment_intent } = params;
    const by = { charge, payment_intent };
    const kind = "dispute";
    return listPage(context, { kind, name: kind, url: "/v1/disputes", params, by, answer: disputeAnswer });
  }),
  endpoint("GET", "/v1/disputes/:id", "disputeRetrieve", (context, _, id) => disputeAnswer(disputeOf(context, id))),
  endpoint("POST", "/v1/disputes/:id", "disputeUpdate", (context, params, id) =>
    disputeAnswer(updateDispute(context, id, params)),
  ),
  endpoint("POST", "/v1/disputes/:id/close", "disputeClose", (context, _, id) =>
    disputeAnswer(closeDispute(context, id, "lost")),
  ),
];

/** Stripe API reference, "Retrieve account": one's own. */
export const accountEndpoints: Endpoint[] = [
  endpoint("GET", "/v1/account", "account", ({ store }) =>
    accountAnswer(found(store.list("account")[0], "account", "", "account")),
  ),
  endpoint("GET", "/v1/accounts/:id", "account", ({ store }, _, id) =>
    accountAnswer(found(store.get("account", id), "account", id, "account")),
  ),
];
