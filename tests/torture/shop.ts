import * as v from "valibot";
import { method } from "../fakes/sample-config.ts";
import type { Victim } from "./victim.ts";

/** What the shop sells: a plan with one product and one with two, each paid once. */
export const productsOf: Record<string, number> = { "day-pass": 1, bundle: 2 };

/** A redemption workflow that opens a Checkout Session for anybody. */
const workflow = `export default async ({ offer, utils }) => {
  const { accountId, instructions } = offer.redemption;
  const session = await utils.integrations.stripe.fetch(accountId, {
    method: "POST",
    path: "/v1/checkout/sessions",
    body: { ...instructions, success_url: "https://example.com/success" },
  });
  if (!session.ok) return { success: false, statusCode: 502, message: "Stripe refused" };
  return { success: true, action: "navigate", url: session.body.url };
};`;

const plan = (slug: string, products: string[]) => ({
  slug,
  name: slug,
  products,
  duration: "P1M",
  price: { currency: "usd", amountMinor: 500 },
});

const document = {
  products: [
    { slug: "digital", name: "Digital" },
    { slug: "print", name: "Print" },
  ],
  plans: [plan("day-pass", ["digital"]), plan("bundle", ["digital", "print"])],
  redemptionMethods: [method("checkout", workflow, "mos:stripe-checkout-instructions")],
  offers: [
    {
      slug: "torture",
      name: "Torture",
      method: "checkout",
      plans: ["day-pass", "bundle"],
      redemption: { accountId: "acct_demo" },
    },
  ],
  experiences: [{ slug: "banner", type: "html", html: "<button data-redeem>Buy</button>", offers: ["torture"] }],
  surfaces: [{ slug: "torture", components: [{ slug: "gate", slots: [{ key: "offer", experience: "banner" }] }] }],
};

/** A session that was begun, and the slug of its plan. */
export type Begun = { id: string; planSlug: string };

/** A shop whose server may die at any moment: each call asks until it is answered. */
export type Shop = {
  /** Half known buyers, half visitors; most as a page does, the rest through a redemption. */
  begin(i: number): Promise<Begun>;
  /** A buyer's browser comes back, if the address leads to this server. Whatever happens, happens. */
  visitBack(url: string): Promise<void>;
  /** Runs a scheduled task by hand. */
  runTask(name: string): Promise<unknown>;
};

/** Puts the shop's configuration in force and opens it. */
export async function openShop(victim: Victim, random: () => number): Promise<Shop> {
  const dev = await (await victim.server()).dev();
  const ask = (path: string, body: unknown, key = dev.secretKey, verb = "POST") =>
    insist(() => send(`${victim.url}${path}`, { key, verb, body }));
  const manage = `/api/v1/manage/environments/${dev.environmentId}`;
  await ask(`${manage}/config`, document, dev.adminToken, "PUT");
  return {
    async begin(i) {
      const known = { userIdentifier: `reader-${i}@example.com` };
      const planSlug = random() < 0.5 ? "day-pass" : "bundle";
      if (random() < 0.3) {
        const decision = v.parse(
          Decision,
          await ask("/api/v1/surface-decisions", { surfaceSlug: "torture", identity: known }),
        );
        const offerToken = decision.offers[0]?.plans.find(({ slug }) => slug === planSlug)?.token;
        const answer = v.parse(Redeemed, await ask("/api/v1/offer-redemptions", { identity: known, offerToken }));
        return { planSlug, id: sessionIn(answer.action.url) };
      }
      const identity = random() < 0.5 ? known : { createAnonymousIdentifier: true };
      const body = { planId: planSlug, identity, returnUrl: `${victim.url}/demo` };
      return { planSlug, id: sessionIn(v.parse(Purchased, await ask("/api/v1/purchases", body)).url) };
    },
    async visitBack(url) {
      if (url.startsWith(victim.url)) await fetch(url, { redirect: "manual" }).catch(() => undefined);
    },
    runTask: (name) => ask(`/api/v1/manage/tasks/${name}/run`, {}, dev.adminToken),
  };
}

const Decision = v.object({
  offers: v.array(v.object({ plans: v.array(v.object({ slug: v.string(), token: v.string() })) })),
});
const Redeemed = v.object({ action: v.object({ url: v.string() }) });
const Purchased = v.object({ url: v.string() });

function sessionIn(url: string): string {
  const id = /cs_test_\w+/.exec(url)?.[0];
  if (id === undefined) throw new Error(`no session in ${url}`);
  return id;
}

type Sending = { key: string; verb: string; body: unknown };

async function send(url: string, { key, verb, body }: Sending): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url, {
    method: verb,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
  return { status: response.status, body: await response.json() };
}

/** Asks until there is an answer: a dead server, a busy one and a Stripe that fails are asked again, anything else is a fault. */
export async function insist(ask: () => Promise<{ status: number; body: unknown }>): Promise<unknown> {
  for (let tries = 1; ; tries++) {
    const answer = await ask().catch(() => null);
    if (answer !== null && answer.status < 400) return answer.body;
    const again = answer === null || [502, 503, 531].includes(answer.status);
    if (!again || tries === 300) throw new Error(`the server answered ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, Math.min(100 * tries, 1000)));
  }
}
