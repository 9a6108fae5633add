import { type Context, Hono } from "hono";
import { describeRoute } from "hono-openapi";
import { beginPurchase } from "../engine/begin-purchase.ts";
import type { Engine } from "../engine/engine.ts";
import { ScripError } from "../engine/error.ts";
import type { Caller } from "../engine/keys.ts";
import { exchangeToken, type PurchaseReturn, returnFromCheckout } from "../engine/purchase-return.ts";
import { allowedReturnUrl } from "../engine/return-url.ts";
import { ExchangeAnswer, ExchangeRequest, PurchaseAnswer, PurchaseRequest } from "../schemas/sales.ts";
import { type AppOptions, actingCallerOf, assertPageMaySay } from "./auth.ts";
import { clientBodyBytes, readBody } from "./body.ts";
import { header } from "./header.ts";
import { bodyLike, operation } from "./operation.ts";
import { pageHeaders } from "./pages.ts";
import { clientOf, failuresOf } from "./rate-limits.ts";
import { isoTime } from "./time.ts";

const tag = "Payments";

/** `/api/v1/purchases`: a page begins a purchase, the buyer returns, the page exchanges what came with the return. */
export function purchases(engine: Engine, options: AppOptions): Hono {
  const app = new Hono();
  const begin = operation({
    tag,
    summary: "Begin the purchase of a plan",
    description:
      "Opens a Checkout Session for a plan by its id or slug (`planId`, or the older word `termId`) and answers with its " +
      "address. The buyer's browser comes back to `returnUrl`, which must be on an allowed origin, with " +
      "`allegro_purchase_token`, `allegro_purchase_error` or `allegro_purchase_pending`. A request with an `Origin` may " +
      "leave `returnUrl` out: the buyer comes back to the root of that site.",
    security: "key",
    body: bodyLike(PurchaseRequest, {
      planId: "monthly",
      // asked for when the document is: on Workers an engine is a request's
      get returnUrl() {
        return `${engine.publicUrl}/demo`;
      },
      identity: { anonymousIdentifier: "visitor-1" },
    }),
    answers: { 200: PurchaseAnswer },
    errors: [400, 401, 403, 404, 409, 413, 502, 503],
  });
  app.post("/", describeRoute(begin), async (c) => {
    const caller = await actingCallerOf(c, engine, options);
    const request = await readBody(c, PurchaseRequest, clientBodyBytes);
    assertPageMaySay(c, caller, request);
    const returnUrl = returnUrlOf(c, caller, request, options);
    const begun = await beginPurchase(engine, caller, {
      request,
      returnUrl,
      mosUserAgent: header(c, "x-mos-user-agent"),
    });
    const { purchaseId, url, identity, expiresAt, eventId } = begun;
    const answer = { status: "success", eventId, purchaseId, url, identity, expiresAt: isoOrNull(expiresAt) };
    return Response.json(answer, { headers: pageHeaders });
  });
  addReturn(app, engine, options);
  addExchange(app, engine, options);
  return app;
}

function addReturn(app: Hono, engine: Engine, options: AppOptions): void {
  const back = operation({
    tag,
    summary: "Where Stripe sends a buyer's browser back to",
    description:
      "With `key` (and `session_id`), the return of a purchase that a page began, or a workflow with " +
      "`utils.purchase.returnUrl`: redirects to where it was to come back to. With `session_id` and `to`, for other " +
      "sessions of workflows: fulfils, and redirects to `to` if that is allowed. " +
      "Stripe is asked what became of the session; nothing else in the address is believed.",
    security: "none",
    query: {
      key: "The key of a purchase's own return address",
      session_id: "The Checkout Session: Stripe fills in `{CHECKOUT_SESSION_ID}`",
      cancelled: "`1`: the buyer left the checkout",
      to: "Where to go on to, for sessions without a key and for buyers who left the checkout",
    },
    answers: { 303: null },
    errors: [403, 404, 429],
  });
  app.get("/return", describeRoute(back), async (c) => {
    const client = clientOf(c, options);
    await engine.rateLimits.take("actions", client);
    const returned = returnedBy(c.req.query());
    const url = await engine.rateLimits.attempt(failuresOf("token", client), ["purchase_not_found"], () =>
      returnFromCheckout(engine, returned, options.ownOrigins),
    );
    return new Response(null, { status: 303, headers: { Location: url, ...returnHeaders } });
  });
}

const returnHeaders = { "Cache-Control": "no-store", "Referrer-Policy": "no-referrer" };

function returnedBy({ key, session_id: sessionId, to, cancelled }: Record<string, string | undefined>): PurchaseReturn {
  if (key !== undefined) return { key, sessionId: sessionId ?? null, cancelled: cancelled === "1", to: to ?? null };
  if (sessionId === undefined || to === undefined)
    throw new ScripError("purchase_not_found", "There is no such purchase");
  return { key: null, sessionId, to };
}

function addExchange(app: Hono, engine: Engine, options: AppOptions): void {
  const exchange = operation({
    tag,
    summary: "Exchange the token of a buyer's return for a session",
    description:
      "Once, within ten minutes; with a `nonce` again for whoever sends the same one. The JWT is the member's, or a guest's where the buyer was not signed in.",
    security: "key",
    body: bodyLike(ExchangeRequest, { token: "the allegro_purchase_token of a buyer's return" }),
    answers: { 200: ExchangeAnswer },
    errors: [400, 401, 403, 404, 413, 503],
  });
  app.post("/exchange", describeRoute(exchange), async (c) => {
    const { environment, kind } = await actingCallerOf(c, engine, options);
    const request = await readBody(c, ExchangeRequest, clientBodyBytes);
    const { purchaseId, entitlements, jwt, expiresAt, refreshToken } = await engine.rateLimits.attempt(
      kind === "sk" ? null : failuresOf("token", clientOf(c, options)),
      ["purchase_token_invalid"],
      () => exchangeToken(engine, environment, request),
    );
    const answer = {
      status: "success",
      method: "purchase",
      purchaseId,
      jwt,
      expiresAt,
      refreshToken,
      entitlement: entitlements[0] ?? null,
      entitlements,
    };
    return Response.json(answer, { headers: { ...pageHeaders, "Cache-Control": "no-store" } });
  });
}

/** The site that asks, where it names no page. Throws `invalid_body` where neither is known, and `return_url_not_allowed`. */
function returnUrlOf(c: Context, { environment }: Caller, request: PurchaseRequest, options: AppOptions): string {
  const origin = header(c, "origin");
  const wanted = request.returnUrl ?? (origin === undefined ? undefined : `${origin}/`);
  if (wanted === undefined) {
    const issues = [{ path: "returnUrl", message: "is missing" }];
    throw new ScripError("invalid_body", "Invalid body at returnUrl: is missing", { issues });
  }
  return allowedReturnUrl(wanted, [...environment.compiled.config.allowedOrigins, ...options.ownOrigins]);
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms);
}
