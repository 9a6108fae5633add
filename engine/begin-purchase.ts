import * as v from "valibot";
import { StripeCheckoutValues } from "../schemas/config.ts";
import type { Identity } from "../schemas/identity.ts";
import type { JsonObject } from "../schemas/json.ts";
import type { PurchaseRequest } from "../schemas/sales.ts";
import { events } from "../schemas/tables.ts";
import { HttpUrl } from "../schemas/workflow.ts";
import { newPurchaseId, recordPendingPurchase, type Sale, withReferences } from "./checkout.ts";
import { type Claim, claimRedemption, settleClaim } from "./claims.ts";
import type { CompiledOffer, CompiledPlan } from "./config/compiled.ts";
import { visitorContext } from "./context.ts";
import { randomText, sha256Hex } from "./digest.ts";
import type { Engine } from "./engine.ts";
import { readHoldings } from "./entitlements.ts";
import { ScripError } from "./error.ts";
import { newEventId } from "./event-id.ts";
import { refusingFilter } from "./filters.ts";
import { newGuest } from "./guests.ts";
import { identityKey, resolveIdentity } from "./identity.ts";
import { checkoutInstructions, stripeCheckoutSchema } from "./instructions.ts";
import type { Caller } from "./keys.ts";
import { freePlaces } from "./places.ts";
import { purchaseEvent } from "./purchase-event.ts";
import { returnAddresses } from "./return-url.ts";
import { type StripeAnswer, sendToStripe } from "./stripe.ts";

/** A purchase that a page asks for. `returnUrl` has been found to be allowed. */
export type PurchaseInput = { request: PurchaseRequest; returnUrl: string; mosUserAgent: string | undefined };

/** A Checkout Session that waits for its buyer. */
export type BegunPurchase = {
  purchaseId: string;
  url: string;
  expiresAt: number | null;
  identity: Identity;
  eventId: string;
};

type Sold = { offer: CompiledOffer; plan: CompiledPlan; values: StripeCheckoutValues };

/**
 * Begins the purchase of a plan without a workflow (Allegro `purchase.initiate`): takes a place of its offer, makes the
 * Checkout Session and records the pending purchase before anybody learns of it. Throws `plan_not_found`,
 * `plan_not_for_sale`, `limit_reached`, `checkout_refused`, `stripe_unreachable`, and the codes of `resolveIdentity`.
 */
export async function beginPurchase(engine: Engine, caller: Caller, input: PurchaseInput): Promise<BegunPurchase> {
  const identity = await resolveIdentity(engine, caller, input.request.identity);
  const sold = await findSale(engine, caller, input, identity);
  const claim = await claimPlace(engine, caller, { sold, identity });
  try {
    return await openCheckout(engine, caller, { input, identity, sold, claim });
  } catch (error) {
    // nobody has the session's address: its place is free again, unless nobody knows what Stripe did
    const unheard = !(error instanceof ScripError) || error.code === "stripe_unreachable";
    const answer = { status: 502, body: { status: "error", code: "checkout_refused" } };
    const status = unheard ? "interrupted" : "failed";
    await engine.storage.write((tx) =>
      settleClaim(tx, claim, { status, answer, expiresAt: null, nowMs: engine.now() }),
    );
    throw error;
  }
}

/** The first offer that sells the plan through Stripe Checkout to this visitor. */
async function findSale(
  engine: Engine,
  { environment, kind }: Caller,
  { request, mosUserAgent }: PurchaseInput,
  identity: Identity,
): Promise<Sold> {
  const { compiled } = environment;
  const planId = compiled.planIds.get(request.planId) ?? request.planId;
  if (![...compiled.planIds.values()].includes(planId)) {
    throw new ScripError("plan_not_found", `There is no plan "${request.planId}"`);
  }
  const nowMs = engine.now();
  const { countryCode } = visitorContext(request, mosUserAgent);
  const holdings = identity.isAuthenticated
    ? await readHoldings(engine.storage, environment.id, identity.identifier, nowMs)
    : { known: false, products: new Set<string>(), plans: new Set<string>() };
  const visitor = { identity, countryCode, holdings, nowMs };
  let reason = "no offer sells it through Stripe Checkout";
  for (const offer of compiled.offers.values()) {
    const plan = offer.plans.find(({ id }) => id === planId);
    const isNamed = request.offerId === undefined || [offer.id, offer.offer.slug].includes(request.offerId);
    if (plan === undefined || !isNamed || !offer.offer.directPurchase) continue;
    if (offer.method.schema !== stripeCheckoutSchema) continue;
    const refusal = refusingFilter(compiled, offer, visitor);
    if (refusal === null) return { offer, plan, values: v.parse(StripeCheckoutValues, offer.offer.redemption) };
    reason = `of the offer "${offer.offer.name}", ${refusal.detail}`;
  }
  // which offers there are, and for whom, is no matter of a page's visitors
  const why = kind === "sk" ? `: ${reason}` : "";
  throw new ScripError("plan_not_for_sale", `The plan "${request.planId}" is not for sale to this visitor${why}`);
}

/** Longer than Stripe's client takes with all its tries. */
const leaseMs = 60_000;
const pollMs = 100;

async function claimPlace(
  engine: Engine,
  caller: Caller,
  { sold: { offer, plan }, identity }: { sold: Sold; identity: Identity },
): Promise<Claim> {
  const { environment } = caller;
  const offeringId = newEventId(engine.now());
  let placesAsked = false;
  for (let waits = 1; waits <= 30; waits++) {
    const decision = await engine.storage.writeOne((tx) =>
      claimRedemption(tx, {
        environmentId: environment.id,
        offeringId,
        identityKey: identityKey(identity),
        offerId: offer.id,
        planId: plan.id,
        offerVersion: environment.compiled.version,
        limits: offer.offer.limits,
        leaseMs,
        nowMs: engine.now(),
      }),
    );
    if (decision.kind === "claimed") return decision.claim;
    if (decision.kind === "limit-reached") {
      if (placesAsked || !(await freePlaces(engine, { caller, currentOffer: offer }))) break;
      placesAsked = true;
      continue;
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs * Math.min(waits, 10) * (0.5 + Math.random())));
  }
  throw new ScripError("limit_reached", `The offer "${offer.offer.name}" is sold out`);
}

const Session = v.object({
  id: v.pipe(v.string(), v.startsWith("cs_")),
  url: HttpUrl,
  expires_at: v.nullish(v.number()),
});
const Refusal = v.object({ error: v.object({ message: v.optional(v.string(), "no reason given") }) });

type Opening = { input: PurchaseInput; identity: Identity; sold: Sold; claim: Claim };

async function openCheckout(engine: Engine, caller: Caller, opening: Opening): Promise<BegunPurchase> {
  const { environment } = caller;
  const { input, identity, sold, claim } = opening;
  const { accountId } = sold.values;
  const secretKey = environment.stripeAccounts.get(accountId);
  if (secretKey === undefined) {
    throw new ScripError("checkout_refused", `The offer's Stripe account ${accountId} is not connected`);
  }
  const [purchaseId, secret] = [newPurchaseId(engine), randomText(32)];
  const returnKey = `${purchaseId}.${secret}`;
  const sale: Sale = {
    claim,
    offerId: sold.offer.id,
    planId: sold.plan.id,
    offerVersion: environment.compiled.version,
    return: {
      purchaseId,
      url: input.returnUrl,
      keyHash: await sha256Hex(secret),
      guest: identity.isAuthenticated ? null : newGuest(),
    },
  };
  const body = sessionParameters(engine, { identity, sold, returnKey });
  const request = withReferences({ method: "POST", path: "/v1/checkout/sessions", body }, environment.id, sale);
  const key = `scrip-purchase-${claim.offeringId}`;
  const answer = await sendToStripe(engine.stripe(secretKey), request, key).catch((error: unknown): StripeAnswer => {
    // of an answer that is JSON but no object the library makes a TypeError
    if (!(error instanceof TypeError)) throw error;
    return {
      ok: false,
      status: 200,
      headers: {},
      body: { error: { message: `no answer that is known: ${error.message}` } },
    };
  });
  const session = v.safeParse(Session, answer.body);
  if (!answer.ok || !session.success) throw refusedBy(engine, caller, answer);
  await recordPendingPurchase(engine, { accountId, answer: answer.body, sale });
  const expiresAt = typeof session.output.expires_at === "number" ? session.output.expires_at * 1000 : null;
  const begun = { purchaseId, url: session.output.url, expiresAt, identity, eventId: newEventId() };
  await settle(engine, caller, opening, begun);
  return begun;
}

async function settle(engine: Engine, caller: Caller, opening: Opening, begun: BegunPurchase): Promise<void> {
  const { input, sold, claim, identity } = opening;
  const nowMs = engine.now();
  const answer = { status: 200, body: { status: "success", purchaseId: begun.purchaseId, url: begun.url } };
  await engine.storage.write(async (tx) => {
    const { expiresAt } = begun;
    const settled = await settleClaim(tx, claim, { status: "succeeded", answer, expiresAt, nowMs });
    // the lease has lapsed: the place may be somebody else's, and this session must not be paid for
    if (!settled)
      throw new ScripError("stripe_unreachable", "Stripe took too long: try again", { retryAfterSeconds: 1 });
    const { request } = input;
    const about = { caller, request, identity, offer: sold.offer, plan: sold.plan, begun };
    await tx.insert(events).values(purchaseEvent({ ...about, offeringId: claim.offeringId, nowMs }));
  });
}

/** A minute more than the shortest that Stripe takes (Stripe API reference, "Create a Session": `expires_at`). */
const shortestSessionSeconds = 31 * 60;

function sessionParameters(
  { publicUrl, now }: Engine,
  { identity, sold, returnKey }: { identity: Identity; sold: Sold; returnKey: string },
): JsonObject {
  const { success, cancel } = returnAddresses(publicUrl, returnKey);
  const { total, perCustomer } = sold.offer.offer.limits;
  const isLimited = total !== null || perCustomer !== null;
  const email = identity.isAuthenticated && v.is(v.pipe(v.string(), v.email()), identity.identifier);
  return {
    ...checkoutInstructions(sold.values, sold.plan.plan),
    ...(email ? { customer_email: identity.identifier } : {}),
    success_url: success,
    cancel_url: cancel,
    // whoever asks for the last places and does not pay must not hold them for a day
    ...(isLimited ? { expires_at: Math.floor(now() / 1000) + shortestSessionSeconds } : {}),
  };
}

/** What Stripe says of the offer and its account, such as the end of a secret key, is for the operator alone. */
function refusedBy(engine: Engine, { kind, environment }: Caller, { status, body }: StripeAnswer): ScripError {
  const refusal = v.safeParse(Refusal, body);
  const message = refusal.success ? refusal.output.error.message : "it gave no session";
  if (status === 429 || status >= 500) {
    return new ScripError("stripe_unreachable", "Stripe does not answer: try again", {
      retryAfterSeconds: 2,
      cause: message,
    });
  }
  if (kind === "sk") return new ScripError("checkout_refused", `Stripe refused the Checkout Session: ${message}`);
  engine.onFault(new Error(message), `Stripe refused a Checkout Session of ${environment.id}`);
  return new ScripError("checkout_refused", "Stripe refused the Checkout Session");
}
