import type { Context } from "../context.ts";
import { type Json, toJson } from "../json.ts";
import type { Kind } from "../records.ts";
import { accountAnswer } from "./account.ts";
import { chargeAnswer } from "./charge.ts";
import { couponAnswer, promotionCodeAnswer } from "./coupon.ts";
import { customerAnswer } from "./customer.ts";
import { disputeAnswer } from "./dispute.ts";
import { paymentIntentAnswer, setupIntentAnswer } from "./intents.ts";
import { invoiceAnswer, invoicePaymentAnswer } from "./invoice.ts";
import { priceAnswer } from "./price.ts";
import { productAnswer } from "./product.ts";
import { refundAnswer } from "./refund.ts";
import { sessionAnswer } from "./session.ts";
import { subscriptionAnswer } from "./subscription.ts";

/** Any object by its id, as the API shows it; undefined when there is none (Stripe API reference, "Expanding responses"). */
export function answerOf(context: Context, id: string): Json | undefined {
  const kind = context.store.kindOf(id);
  const answer = kind && answers[kind](context, id);
  return answer && toJson(answer);
}

type Answer = (context: Context, id: string) => object | undefined;

const answers = {
  account: ({ store }, id) => mapped(store.get("account", id), accountAnswer),
  product: ({ store }, id) => mapped(store.get("product", id), productAnswer),
  price: ({ store }, id) => mapped(store.get("price", id), priceAnswer),
  coupon: ({ store, nowSeconds }, id) =>
    mapped(store.get("coupon", id), (coupon) => couponAnswer(coupon, nowSeconds())),
  promotion_code: ({ store }, id) => mapped(store.get("promotion_code", id), promotionCodeAnswer),
  customer: ({ store }, id) => mapped(store.get("customer", id), customerAnswer),
  payment_intent: ({ store }, id) => mapped(store.get("payment_intent", id), paymentIntentAnswer),
  setup_intent: ({ store }, id) => mapped(store.get("setup_intent", id), setupIntentAnswer),
  subscription: (context, id) =>
    mapped(context.store.get("subscription", id), (record) => subscriptionAnswer(context, record)),
  session: (context, id) => mapped(context.store.get("session", id), (record) => sessionAnswer(context, record)),
  charge: ({ store }, id) => mapped(store.get("charge", id), chargeAnswer),
  invoice: (context, id) => mapped(context.store.get("invoice", id), (record) => invoiceAnswer(context, record)),
  invoice_payment: ({ store }, id) => mapped(store.get("invoice_payment", id), invoicePaymentAnswer),
  refund: ({ store }, id) => mapped(store.get("refund", id), refundAnswer),
  dispute: ({ store }, id) => mapped(store.get("dispute", id), disputeAnswer),
} satisfies Record<Kind, Answer>;

function mapped<T>(record: T | undefined, answer: (record: T) => object): object | undefined {
  return record === undefined ? undefined : answer(record);
}
