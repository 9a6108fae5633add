import type { RedemptionMethodWorkflow } from "mos:workflow";

const workflow: RedemptionMethodWorkflow = async ({ identity, offer, utils }) => {
  if (identity.userType === "anonymous") {
    return {
      success: false,
      statusCode: 401,
      action: "navigate",
      url: `https://example.com/sign-up?offerToken=${offer.token}`,
    };
  }
  const { accountId, instructions } = offer.redemption;
  const session = await utils.integrations.stripe.fetch(accountId, {
    method: "POST",
    path: "/v1/checkout/sessions",
    body: { ...instructions, success_url: "https://example.com/success", cancel_url: "https://example.com/cancel" },
  });
  if (!session.ok || !session.body?.url) {
    return { success: false, statusCode: 502, message: "Failed to create checkout session" };
  }
  return { success: true, action: "navigate", url: session.body.url };
};
export default workflow;
