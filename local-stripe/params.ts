import type { Stripe } from "stripe";

/**
 * The parameters of every endpoint this Stripe answers, by the name its JSON Schema has in
 * `generated/params.json`. The types are stripe-node's own, so a newer client makes the schema
 * drift until `generate-params.ts` has run again.
 */
export interface Params {
  account: Stripe.AccountRetrieveCurrentParams;
  chargeList: Stripe.ChargeListParams;
  chargeRetrieve: Stripe.ChargeRetrieveParams;
  couponCreate: Stripe.CouponCreateParams;
  couponList: Stripe.CouponListParams;
  couponRetrieve: Stripe.CouponRetrieveParams;
  customerCreate: Stripe.CustomerCreateParams;
  customerList: Stripe.CustomerListParams;
  customerRetrieve: Stripe.CustomerRetrieveParams;
  disputeClose: Stripe.DisputeCloseParams;
  disputeList: Stripe.DisputeListParams;
  disputeRetrieve: Stripe.DisputeRetrieveParams;
  disputeUpdate: Stripe.DisputeUpdateParams;
  eventList: Stripe.EventListParams;
  eventRetrieve: Stripe.EventRetrieveParams;
  invoiceList: Stripe.InvoiceListParams;
  invoicePaymentList: Stripe.InvoicePaymentListParams;
  invoicePaymentRetrieve: Stripe.InvoicePaymentRetrieveParams;
  invoiceRetrieve: Stripe.InvoiceRetrieveParams;
  paymentIntentList: Stripe.PaymentIntentListParams;
  paymentIntentRetrieve: Stripe.PaymentIntentRetrieveParams;
  priceCreate: Stripe.PriceCreateParams;
  priceList: Stripe.PriceListParams;
  priceRetrieve: Stripe.PriceRetrieveParams;
  priceUpdate: Stripe.PriceUpdateParams;
  productCreate: Stripe.ProductCreateParams;
  productList: Stripe.ProductListParams;
  productRetrieve: Stripe.ProductRetrieveParams;
  productUpdate: Stripe.ProductUpdateParams;
  promotionCodeCreate: Stripe.PromotionCodeCreateParams;
  promotionCodeList: Stripe.PromotionCodeListParams;
  promotionCodeRetrieve: Stripe.PromotionCodeRetrieveParams;
  promotionCodeUpdate: Stripe.PromotionCodeUpdateParams;
  refundCreate: Stripe.RefundCreateParams;
  refundList: Stripe.RefundListParams;
  refundRetrieve: Stripe.RefundRetrieveParams;
  sessionCreate: Stripe.Checkout.SessionCreateParams;
  sessionExpire: Stripe.Checkout.SessionExpireParams;
  sessionLineItems: Stripe.Checkout.SessionListLineItemsParams;
  sessionList: Stripe.Checkout.SessionListParams;
  sessionRetrieve: Stripe.Checkout.SessionRetrieveParams;
  setupIntentRetrieve: Stripe.SetupIntentRetrieveParams;
  subscriptionCancel: Stripe.SubscriptionCancelParams;
  subscriptionList: Stripe.SubscriptionListParams;
  subscriptionRetrieve: Stripe.SubscriptionRetrieveParams;
  subscriptionUpdate: Stripe.SubscriptionUpdateParams;
}

/** A name in `Params`. */
export type ParamsName = keyof Params;
