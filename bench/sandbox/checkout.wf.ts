import type { RedemptionMethodWorkflow } from "mos:workflow";

/** What the contestants run: a workflow of the usual size, with one call to the host. */
type Item = { price: string; quantity: number; unitAmount: number };
type Redemption = { accountId: string; instructions: { mode: string; currency: string; line_items: Item[] } };

const currencies: Record<string, number> = { gbp: 2, eur: 2, usd: 2, jpy: 0 };

function amountText(minor: number, currency: string): string {
  const digits = currencies[currency] ?? 2;
  return `${(minor / 10 ** digits).toFixed(digits)} ${currency.toUpperCase()}`;
}

const workflow: RedemptionMethodWorkflow<Redemption> = async ({ identity, offer, resource, env, utils }) => {
  if (identity.userType === "anonymous") {
    const from = encodeURIComponent(`${env.SITE_URL}/articles/${resource?.id}`);
    return { success: false, statusCode: 401, action: "navigate", url: `${env.SITE_URL}/sign-up?from=${from}` };
  }
  const { accountId, instructions } = offer.redemption;
  const items = instructions.line_items;
  const total = items.reduce((sum, { unitAmount, quantity }) => sum + unitAmount * quantity, 0);
  const tags = Object.entries(resource?.meta ?? {})
    .filter(([name]) => name.startsWith("campaign"))
    .map(([name, value]) => [name.replaceAll("-", "_"), String(value).slice(0, 500)])
    .sort(([a = ""], [b = ""]) => a.localeCompare(b));
  const session = await utils.integrations.stripe.fetch(accountId, {
    method: "POST",
    path: "/v1/checkout/sessions",
    body: {
      mode: instructions.mode,
      line_items: items.map(({ price, quantity }) => ({ price, quantity })),
      customer_email: identity.identifier.includes("@") ? identity.identifier : undefined,
      metadata: { ...Object.fromEntries(tags), total: amountText(total, instructions.currency) },
      success_url: `${env.SITE_URL}/thanks?session_id={CHECKOUT_SESSION_ID}`,
      cancel_url: `${env.SITE_URL}/offers`,
    },
  });
  if (!session.ok || !session.body?.url) {
    return { success: false, statusCode: 502, message: `Stripe answered with ${session.status}` };
  }
  return { success: true, action: "navigate", url: session.body.url, properties: { total, tags: tags.length } };
};
export default workflow;
