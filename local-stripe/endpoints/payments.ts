import { accountAnswer } from "../answers/account.ts";
import { paymentIntentAnswer, setupIntentAnswer } from "../answers/intents.ts";
import { subscriptionAnswer } from "../answers/subscription.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import { noSuch } from "../errors.ts";
import { inRange, pageOf } from "../list-page.ts";

/** What a completed session refers to: Stripe API reference, "PaymentIntents", "SetupIntents", "Subscriptions". */
export const paymentEndpoints: Endpoint[] = [
  endpoint("GET", "/v1/payment_intents", "paymentIntentList", (context, params) => {
    const { customer, created } = params;
    const matching = context.store
      .list("payment_intent")
      .filter((intent) => (customer === undefined || intent.customer === customer) && inRange(intent.created, created));
    return pageOf(matching, paymentIntentAnswer, { params, url: "/v1/payment_intents", kind: "payment_intent" });
  }),
  endpoint("GET", "/v1/payment_intents/:id", "paymentIntentRetrieve", (context, _, id) => {
    return paymentIntentAnswer(found(context.store.get("payment_intent", id), "payment_intent", id, "intent"));
  }),
  endpoint("GET", "/v1/setup_intents/:id", "setupIntentRetrieve", (context, _, id) => {
    return setupIntentAnswer(found(context.store.get("setup_intent", id), "setupintent", id, "intent"));
  }),
  endpoint("GET", "/v1/subscriptions", "subscriptionList", (context, params) => {
    const { customer, price, created, status } = params;
    const matching = context.store
      .list("subscription")
      .filter(
        (subscription) =>
          (customer === undefined || subscription.customer === customer) &&
          (price === undefined || subscription.items.some((item) => item.price === price)) &&
          (status === "all" ||
            (status === undefined ? subscription.status !== "canceled" : subscription.status === status)) &&
          inRange(subscription.created, created),
      );
    const answer = (subscription: (typeof matching)[number]) => subscriptionAnswer(context, subscription);
    return pageOf(matching, answer, { params, url: "/v1/subscriptions", kind: "subscription" });
  }),
  endpoint("GET", "/v1/subscriptions/:id", "subscriptionRetrieve", (context, _, id) => {
    return subscriptionAnswer(context, found(context.store.get("subscription", id), "subscription", id, "id"));
  }),
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

function found<T>(record: T | undefined, kind: string, id: string, param: string): T {
  if (record === undefined) {
    throw noSuch(kind, id, param, 404);
  }
  return record;
}
