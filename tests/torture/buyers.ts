import type { ListeningStripe } from "../../local-stripe/serve.ts";
import { insist, type Shop } from "./shop.ts";

/** What becomes of a purchase, and how often in a hundred. */
const fates = [
  ["paid", 62],
  ["debit-paid", 6],
  ["debit-failed", 5],
  ["expired", 12],
  ["refunded", 8],
  ["disputed", 4],
  ["dispute-won", 3],
] as const;

/** A world of buyers: each begins, pays or does not, comes back or does not, and may want the money back. */
export type Buyers = { send(i: number): Promise<void>; plans: Map<string, string>; lost: Set<string> };

/** The buyers of one shop. `plans` says what each session was for, `lost` which payments went back or are disputed. */
export function gatherBuyers(shop: Shop, stripe: ListeningStripe, secretKey: string, random: () => number): Buyers {
  const plans = new Map<string, string>();
  const lost = new Set<string>();
  const refund = (paymentIntentId: string) =>
    insist(async () => {
      const response = await stripe.fetch("http://stripe.test/v1/refunds", {
        method: "POST",
        headers: {
          authorization: `Bearer ${secretKey}`,
          "content-type": "application/x-www-form-urlencoded",
          "idempotency-key": `refund-${paymentIntentId}`,
        },
        body: new URLSearchParams({ payment_intent: paymentIntentId }).toString(),
      });
      // Stripe's own limits and faults are for asking again
      const again = response.status === 429 || response.status >= 500 || response.status === 409;
      return { status: again ? 503 : response.status, body: await response.json() };
    });
  const finish: Record<(typeof fates)[number][0], (session: string, payment: string) => unknown> = {
    paid: () => undefined,
    expired: () => undefined,
    "debit-paid": (session) => stripe.settleDelayedPayment(session, "succeeded"),
    "debit-failed": (session) => stripe.settleDelayedPayment(session, "failed"),
    refunded: (_, payment) => {
      lost.add(payment);
      return refund(payment);
    },
    disputed: (_, payment) => {
      lost.add(payment);
      stripe.disputeCharge(payment);
    },
    "dispute-won": (_, payment) => stripe.closeDispute(stripe.disputeCharge(payment).id, "won"),
  };
  return {
    plans,
    lost,
    async send(i) {
      const { id, planSlug } = await shop.begin(i);
      plans.set(id, planSlug);
      const fate = fateOf(random);
      if (fate === "expired") {
        stripe.expire(id);
        return;
      }
      const paid = stripe.pay(id, {
        email: `buyer-${i}@example.com`,
        method: fate.startsWith("debit") ? "delayed" : "card",
      });
      const back = (paid.success_url ?? "").replace("{CHECKOUT_SESSION_ID}", id);
      const returns = random() < 0.5 ? Math.ceil(random() * 3) : 0;
      await Promise.all(Array.from({ length: returns }, () => shop.visitBack(back)));
      await finish[fate](id, typeof paid.payment_intent === "string" ? paid.payment_intent : "");
    },
  };
}

function fateOf(random: () => number) {
  let at = random() * fates.reduce((sum, [, share]) => sum + share, 0);
  for (const [fate, share] of fates) {
    at -= share;
    if (at < 0) return fate;
  }
  return "paid";
}
