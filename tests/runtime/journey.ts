import { createLocalJWKSet, jwtVerify } from "jose";
import * as v from "valibot";
import { expect } from "vitest";

/**
 * A running server with the demo's configuration, and the local Stripe that its account is at. Where several servers share a
 * database, `servers` are their addresses, which requests go to by turns.
 */
export type Base = {
  url: string;
  servers?: readonly string[];
  surfaceSlug: string;
  secretKey: string;
  publicKey: string;
  adminToken: string;
  environmentId: string;
  stripe: { url: string; secretKey: string };
};

/**
 * The main job from end to end, by HTTP alone, whatever runs behind the address: a reader is shown an offer, redeems its token,
 * pays at Stripe, and the webhook gives access; another buys from the page and is known by a JWT that needs no server.
 */
export async function journey(base: Base): Promise<void> {
  await isRefusedWhatIsWrong(base);
  const reader = `reader-${crypto.randomUUID()}@example.com`;
  const token = await isShownAnOffer(base, reader);
  const sessionId = await redeems(base, reader, token);
  await pays(base, sessionId, reader);
  await hasAccess(base, reader);
  await buysFromThePage(base);
}

async function isRefusedWhatIsWrong(base: Base): Promise<void> {
  const identity = { userIdentifier: "stranger@example.com" };
  const stranger = await ask(base, "POST", "/api/v1/surface-decisions", { key: "sk_env_preview_unknown", body: {} });
  expect(stranger.body).toMatchObject({ statusCode: 401, code: "invalid_api_key" });
  const forged = { identity, offerToken: "a.b.c" };
  const refused = await ask(base, "POST", "/api/v1/offer-redemptions", { body: forged });
  expect(refused.body).toMatchObject({ statusCode: 400, code: "token_malformed" });
}

async function isShownAnOffer(base: Base, reader: string): Promise<string> {
  const body = { surfaceSlug: base.surfaceSlug, identity: { userIdentifier: reader } };
  const decision = await ask(base, "POST", "/api/v1/surface-decisions", { body });
  expect(decision.status, decision.text).toBe(200);
  expect(decision.body.offers).toEqual([
    expect.objectContaining({ presentation: { title: "Premium Monthly", price: "£10.00" }, token: expect.any(String) }),
  ]);
  return decision.body.offers[0].token;
}

/** Eight times at once: one run, one session, one answer. */
async function redeems(base: Base, reader: string, offerToken: string): Promise<string> {
  const body = { identity: { userIdentifier: reader }, offerToken };
  const once = () => ask(base, "POST", "/api/v1/offer-redemptions", { body });
  const answers = await Promise.all(Array.from({ length: 8 }, once));
  expect(new Set(answers.map(({ text }) => text)).size, answers.map(({ text }) => text).join("\n")).toBe(1);
  const [answer] = answers;
  expect(answer?.body).toMatchObject({ status: "success", action: { type: "navigate" } });
  const event = await ask(base, "GET", `/api/v1/events/${answer?.body.eventId}`);
  expect(event.body.event).toMatchObject({ type: "offer-redemption", status: "success", identifier: reader });
  expect(event.body.event.data.run.hostCalls).toHaveLength(1);
  expect(event.text).not.toContain(base.stripe.secretKey);
  return sessionIn(answer?.body.action.url);
}

async function pays({ stripe }: Base, sessionId: string, email: string): Promise<void> {
  await control(stripe, `sessions/${sessionId}/pay`, { email });
  await control(stripe, "settled", {});
}

async function hasAccess(base: Base, reader: string): Promise<void> {
  const body = { identity: { userIdentifier: reader }, products: ["digital"] };
  const check = await ask(base, "POST", "/api/v1/access-checks", { body });
  expect(check.body.access, check.text).toEqual({ digital: true });
  const found = await ask(base, "GET", `/api/v1/entitlements?userIdentifier=${encodeURIComponent(reader)}`);
  expect(found.body.entitlements).toEqual([expect.objectContaining({ is_active: true })]);
}

async function buysFromThePage(base: Base): Promise<void> {
  const asPage = { key: base.publicKey, headers: { origin: base.url } };
  const returnUrl = `${base.url}/story`;
  const identity = { anonymousIdentifier: `anon-${crypto.randomUUID()}` };
  const begun = await ask(base, "POST", "/api/v1/purchases", {
    ...asPage,
    body: { planId: "monthly", returnUrl, identity },
  });
  expect(begun.status, begun.text).toBe(200);
  const sessionId = sessionIn(begun.body.url);
  const { success_url } = await control(base.stripe, `sessions/${sessionId}/pay`, { email: "page@example.com" });
  const back = await fetch(`${success_url}`.replace("{CHECKOUT_SESSION_ID}", sessionId), { redirect: "manual" });
  expect(back.status, await back.text()).toBe(303);
  const token = new URL(back.headers.get("location") ?? "").searchParams.get("allegro_purchase_token");
  const session = await ask(base, "POST", "/api/v1/purchases/exchange", { ...asPage, body: { token } });
  expect(session.status, session.text).toBe(200);
  const { keys } = v.parse(Jwks, await (await fetch(`${base.url}/.well-known/jwks.json`)).json());
  // from here on no server is asked
  const { payload } = await jwtVerify(session.body.jwt, createLocalJWKSet({ keys }), { audience: base.environmentId });
  expect(payload.products).toEqual(["digital"]);
  await control(base.stripe, "settled", {});
}

const Jwks = v.object({ keys: v.array(v.looseObject({ kty: v.string() })) });
const SessionId = v.pipe(v.string(), v.regex(/cs_test_\w+/));

function sessionIn(url: unknown): string {
  return /cs_test_\w+/.exec(v.parse(SessionId, url))?.[0] ?? "";
}

/** An answer, its body both as text and parsed. */
// biome-ignore lint/suspicious/noExplicitAny: tests read answers member by member, and a wrong shape fails there
type Answer = { status: number; text: string; body: any };

type Ask = { key?: string; body?: unknown; headers?: Record<string, string> };

let asked = 0;

async function ask(base: Base, method: string, path: string, { key, body, headers }: Ask = {}): Promise<Answer> {
  const servers = base.servers ?? [base.url];
  const response = await fetch(`${servers[asked++ % servers.length]}${path}`, {
    method,
    headers: { authorization: `Bearer ${key ?? base.secretKey}`, "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, text, body: JSON.parse(text) };
}

async function control(
  { url, secretKey }: Base["stripe"],
  path: string,
  body: object,
): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}/_control/${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${secretKey}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return JSON.parse(text);
}
