/** A source of a workflow's author, and the errors that the compiler must find: `line code`, in order. */
export type Fixture = { does: string; source: string; errors?: string[] };

const head = 'import type { RedemptionMethodWorkflow } from "mos:workflow";';
const workflow = (body: string) => `${head}
const workflow: RedemptionMethodWorkflow = async ({ identity, offer, context, resource, env, utils }) => {
${body}
};
export default workflow;`;
const returns = (result: string) => `${head}
const workflow: RedemptionMethodWorkflow = () => (${result});
export default workflow;`;

/** What an author may write. */
export const allowed: Fixture[] = [
  { does: "returns success", source: returns("{ success: true }") },
  { does: "returns a refusal with words", source: returns('{ success: false, statusCode: 409, message: "Sold out" }') },
  { does: "sends the buyer on", source: returns('{ success: true, action: "navigate", url: "https://example.com" }') },
  {
    does: "hands properties over",
    source: returns("{ success: true, properties: { code: 'X', n: [1, null, { a: true }] } }"),
  },
  {
    does: "returns a promise",
    source: `${head}\nexport default (async () => ({ success: true })) satisfies RedemptionMethodWorkflow;`,
  },
  {
    does: "reads everything that it is given",
    source: workflow(`  const words: string[] = [
    identity.authType, identity.identifier, identity.userType, String(identity.testGroup100 % 2),
    String(identity.jwtClaims.email), offer.offerId, offer.offeringId, offer.token, String(offer.presentation.title),
    offer.redemption.accountId, offer.redemption.instructions.mode, offer.redemptionSchema ?? "", offer.plan?.slug ?? "",
    offer.plan?.price?.currency ?? "", offer.plan?.duration ?? "", context.countryCode ?? "", context.city ?? "",
    context.region ?? "", context.timezone ?? "", context.userAgent ?? "", context.originalUserAgent ?? "",
    String(context.isEUCountry), ...context.botTags, resource?.id ?? "", String(resource?.meta?.section), env.GREETING ?? "",
  ];
  return { success: words.length > 0 };`),
  },
  {
    does: "calls Stripe",
    source: workflow(`  const { accountId, instructions } = offer.redemption;
  void [identity, context, resource, env];
  const session = await utils.integrations.stripe.fetch(accountId, {
    method: "POST",
    path: "/v1/checkout/sessions",
    body: { ...instructions, success_url: "https://example.com/" },
    headers: { "Stripe-Version": "2026-01-01" },
  });
  if (!session.ok) return { success: false, statusCode: 502, message: session.body.error.message };
  return { success: true, action: "navigate", url: session.body.url };`),
  },
  {
    does: "sends the buyer back by this server, and gives and asks for access",
    source: workflow(`  void [context, resource, env];
  const urls: string[] = [utils.purchase.returnUrl("https://a.test/"), utils.purchase.returnUrl(new URL("https://a.test/"))];
  const has: boolean = await utils.entitlements.has("digital");
  const { endedAt } = await utils.entitlements.grant({ product: "digital", duration: "P1M", reason: offer.offerId });
  await utils.entitlements.grant({ product: "digital", until: "2030-01-01T00:00:00Z" });
  await utils.entitlements.grant({ product: "digital" });
  return { success: has, properties: { urls, endedAt, for: identity.identifier } };`),
  },
  {
    does: "keeps what it knows of somebody",
    source: workflow(`  void [offer, context, resource];
  await utils.identity.writeCustomData(identity, "profile", { name: "Ada" });
  const profile = await utils.identity.readCustomData<{ name: string }>(identity, "profile");
  const all = await utils.identity.readCustomData({ identifier: "ada", userType: "anonymous" });
  await utils.identity.deleteCustomData(identity, "profile");
  const reads: number = await utils.identity.incrementCounter(identity, { counterId: "reads" }, { increment: 2 });
  const [link] = [...(await utils.identity.getLinkedSources(identity)), ...(await utils.identity.getLinkedTargets(identity))];
  const who = await utils.identity.resolveJwt(env.JWT ?? "");
  if (who.valid) await utils.identity.readCustomData(who, "profile");
  else console.log(who.reason, who.message);
  return { success: reads > 0, properties: { name: profile?.name ?? null, all, from: link?.source.identifier ?? null } };`),
  },
  {
    does: "names its own redemption schema",
    source: `import type { RedemptionMethodWorkflow } from "mos:workflow";
type Gift = { code: string };
const workflow: RedemptionMethodWorkflow<Gift> = ({ offer }) => ({ success: true, message: offer.redemption.code });
export default workflow;`,
  },
  {
    does: "uses the globals of the web",
    source: workflow(`  void [identity, offer, context, resource, utils];
  const answer = await fetch(new URL("/a?b=c", "https://api.example.com"), { headers: new Headers({ a: "b" }) });
  const data: unknown = await answer.json();
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  console.log(crypto.randomUUID(), btoa("a"), new TextEncoder().encode("ü").length, structuredClone(data), bytes, env);
  return { success: answer.ok };`),
  },
];

const wrong = (does: string, result: string, code = "TS2322"): Fixture => ({
  does,
  source: returns(result),
  errors: [`2 ${code}`],
});

/** What an author may not write, and where the compiler says so. */
export const refused: Fixture[] = [
  wrong("returns nothing", "undefined"),
  wrong("returns a text", '"ok"'),
  wrong("leaves success out", "{ message: 'hello' }"),
  wrong("writes success as a text", '{ success: "true" }'),
  {
    does: "writes a member that is not known into a result",
    source:
      'import type { WorkflowResult } from "mos:workflow";\nexport const result: WorkflowResult = { success: true, redirect: "/" };',
    errors: ["2 TS2353"],
  },
  wrong("navigates without a url", '{ success: true, action: "navigate" }'),
  wrong("has a url and no action", '{ success: true, url: "https://example.com" }'),
  wrong("names an action that is not there", '{ success: true, action: "popup", url: "https://example.com" }'),
  wrong("writes a status as a text", '{ success: true, statusCode: "200" }'),
  wrong("hands a function over", "{ success: true, properties: { f: () => 1 } }"),
  wrong("hands a date over", "{ success: true, properties: { at: new Date() } }"),
  wrong("hands undefined over", "{ success: true, properties: { a: undefined } }"),
  {
    does: "changes what it is given",
    source: workflow(`  identity.identifier = "somebody else";
  offer.presentation.title = "mine";
  context.botTags.push("x");
  void [resource, env, utils];
  return { success: true };`),
    errors: ["3 TS2540", "4 TS2542", "5 TS2339"],
  },
  {
    does: "reads what may be missing as if it were there",
    source: workflow(`  void [identity, env, utils];
  return { success: true, message: offer.plan.slug + context.countryCode.length + resource.id };`),
    errors: ["4 TS18047", "4 TS18047", "4 TS18047"],
  },
  {
    does: "reads a member that is not there",
    source: workflow(`  void [context, resource, env];
  return { success: identity.email === offer.price && utils.stripe };`),
    errors: ["4 TS2339", "4 TS2339", "4 TS2339"],
  },
  {
    does: "calls Stripe in another way than it can",
    source: workflow(`  void [identity, offer, context, resource, env];
  await utils.integrations.stripe.fetch({ method: "GET", path: "/v1/prices" });
  await utils.integrations.stripe.fetch("acct_1", { method: "PUT", path: "/v1/prices" });
  await utils.integrations.stripe.fetch("acct_1", { method: "GET" });
  return { success: true };`),
    errors: ["4 TS2554", "5 TS2322", "6 TS2741"],
  },
  {
    does: "gives access in another way than it can",
    source: workflow(`  void [identity, offer, context, resource, env];
  await utils.entitlements.grant("digital");
  await utils.entitlements.grant({ product: "digital", duration: "P1M", until: "2030-01-01T00:00:00Z" });
  await utils.entitlements.grant({ duration: "P1M" });
  return { success: utils.entitlements.has("digital") };`),
    errors: ["2 TS2322", "4 TS2345", "5 TS2345", "6 TS2345"],
  },
  {
    does: "keeps what cannot be kept, or of nobody",
    source: workflow(`  void [offer, context, resource, env];
  await utils.identity.writeCustomData(identity, "k", () => 1);
  await utils.identity.writeCustomData("ada", "k", 1);
  await utils.identity.incrementCounter(identity, "reads");
  return { success: true };`),
    errors: ["4 TS2345", "5 TS2345", "6 TS2345"],
  },
  {
    does: "imports a value from the module of types",
    source: 'import { stripe } from "mos:workflow";\nexport default () => stripe;',
    errors: ["1 TS2305"],
  },
];
