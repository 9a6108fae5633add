import type { RedemptionMethodWorkflow } from "mos:workflow";

/**
 * The recipe of `stripe-checkout.wf.ts` with the site's own addresses, which the environment's variables give. A buyer who
 * has paid comes back by way of Scrip, so that the purchase is fulfilled before the page asks what it may show.
 */
const workflow: RedemptionMethodWorkflow = async ({ identity, offer, env, utils }) => {
  const site = env.SITE_URL;
  if (identity.userType === "anonymous") {
    return {
      success: false,
      statusCode: 401,
      message: "Sign up to subscribe",
      action: "navigate",
      url: `${site}/sign-up?offerToken=${offer.token}`,
    };
  }
  const thanks = encodeURIComponent(`${site}?checkout=success`);
  const { accountId, instructions } = offer.redemption;
  const session = await utils.integrations.stripe.fetch(accountId, {
    method: "POST",
    path: "/v1/checkout/sessions",
    body: {
      ...instructions,
      customer_email: identity.identifier.includes("@") ? identity.identifier : undefined,
      // Stripe fills in the braces
      success_url: `${env.SCRIP_URL}/api/v1/purchases/return?session_id={CHECKOUT_SESSION_ID}&to=${thanks}`,
      cancel_url: `${site}?checkout=cancelled`,
    },
  });
  if (!session.ok || !session.body?.url) {
    console.error("Stripe refused the session", session.status, session.body?.error?.message);
    return { success: false, statusCode: 502, message: "Failed to create checkout session" };
  }
  return { success: true, action: "navigate", url: session.body.url };
};
export default workflow;
