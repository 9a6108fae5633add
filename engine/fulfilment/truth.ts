/** What Stripe says became of a Checkout Session. `waiting`: complete, and the money is on its way. */
export type SessionState = "open" | "waiting" | "paid" | "failed" | "expired";

/** A Checkout Session as Stripe tells it now: the only thing that fulfilment believes. Amounts in minor units. */
export type SessionTruth = {
  id: string;
  state: SessionState;
  mode: "payment" | "setup" | "subscription";
  email: string | null;
  paymentIntentId: string | null;
  subscriptionId: string | null;
  amountMinor: number | null;
  currency: string | null;
  /** The end of a trial that goes on: nothing has been paid for yet. */
  trialEndMs: number | null;
  /** Of the payment behind it: whether all of it went back, and whether the buyer's bank disputes it. */
  refunded: boolean;
  disputed: boolean;
};
