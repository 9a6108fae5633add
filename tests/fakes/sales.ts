import { expect } from "vitest";
import { isActiveAt } from "../../engine/entitlements.ts";
import { fulfill } from "../../engine/fulfill.ts";
import type { Fulfilled } from "../../engine/fulfilment/fulfilled.ts";
import { entitlements, memberEvents, members, purchases } from "../../schemas/sales-tables.ts";
import { ask, decideFor, redeemAs } from "./requests.ts";
import { origin, type World } from "./world.ts";

/** A Checkout Session that waits for its buyer. */
export type OpenSession = { id: string; url: string };

export const buyer = { userIdentifier: "buyer@example.com" };

/** Redeems the offer that a decision shows; `plan` picks one of its plans by slug. */
export async function sessionFor(world: World, identity: unknown = buyer, plan?: string): Promise<OpenSession> {
  const { body } = await decideFor(world, identity);
  const [offer] = body.offers;
  const token =
    plan === undefined ? offer.token : offer.plans.find(({ slug }: { slug: string }) => slug === plan).token;
  const answer = await redeemAs(world, identity, token);
  expect(answer.status, answer.text).toBe(200);
  return openSession(answer.body.action.url);
}

/** Begins a purchase as a page does. */
export async function pageSession(world: World, body: Record<string, unknown> = {}): Promise<OpenSession> {
  const returnUrl = `${origin}/story?x=1#top`;
  const answer = await askAsPage(world, "/api/v1/purchases", { planId: "monthly", returnUrl, ...body });
  expect(answer.status, answer.text).toBe(200);
  return openSession(answer.body.url);
}

/** A request from a page of the site. */
export function askAsPage(world: World, path: string, body: unknown) {
  return ask(world, "POST", path, { key: world.publicKey, headers: { origin }, body });
}

function openSession(url: string): OpenSession {
  return { url, id: /cs_test_\w+/.exec(url)?.[0] ?? "" };
}

/** The environment as the engine has it in memory. */
export async function environmentOf(world: World) {
  const environment = await world.engine.environments.get(world.environmentId);
  if (environment === undefined) throw new Error("the world has no environment");
  return environment;
}

/** What the webhook, the return and the reconciling task all do. */
export async function fulfillIn(world: World, sessionId: string): Promise<Fulfilled> {
  return fulfill(world.engine, await environmentOf(world), { accountId: "acct_world", sessionId });
}

/** Everything that fulfilment writes. */
export async function salesOf({ engine, clock }: World) {
  const { db } = engine.storage;
  const granted = await db.select().from(entitlements);
  return {
    purchases: await db.select().from(purchases),
    entitlements: granted,
    active: granted.filter((row) => isActiveAt(row, clock.now(), clock.now())),
    members: await db.select().from(members),
    history: (await db.select().from(memberEvents)).map(({ type }) => type),
  };
}

/** The PaymentIntent of a session, as Stripe has it. */
export function paymentOf({ stripe }: World, sessionId: string): string {
  const intent = stripe.sessions().find(({ id }) => id === sessionId)?.payment_intent;
  if (typeof intent !== "string") throw new Error(`${sessionId} has no payment`);
  return intent;
}

/** A call of Stripe's API as its owner makes it, in the dashboard. */
export async function askStripe({ stripe }: World, path: string, form: Record<string, string>) {
  const response = await stripe.fetch(`http://stripe.test${path}`, {
    method: "POST",
    headers: { authorization: "Bearer sk_test_world", "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(form).toString(),
  });
  expect(response.status, await response.clone().text()).toBe(200);
  return response.json();
}
