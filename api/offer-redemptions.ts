import { type Context, Hono } from "hono";
import type { Engine } from "../engine/engine.ts";
import { redeem } from "../engine/redeem.ts";
import { OfferRedemption } from "../schemas/decision.ts";
import { OfferRedemptionRequest } from "../schemas/request.ts";
import { type AppOptions, actingCallerOf, assertPageMaySay } from "./auth.ts";
import { clientBodyBytes, readBody } from "./body.ts";
import { header } from "./header.ts";
import { bodyLike, described, type Operation } from "./operation.ts";
import { pageHeaders } from "./pages.ts";

/** `POST /api/v1/offer-redemptions`. */
export function offerRedemptions(engine: Engine, options: AppOptions): Hono {
  const about: Operation = {
    tag: "Decisions",
    summary: "Redeem an offer token",
    description:
      "Runs the offer's redemption-method workflow and answers with its action. The same offering and identity get the " +
      "same answer. A workflow that refuses answers with its own status, and with the action that it names; one that " +
      "breaks answers 531.",
    security: "key",
    body: bodyLike(OfferRedemptionRequest, {
      identity: { anonymousIdentifier: "visitor-1" },
      offerToken: "the token of an offer in a surface decision",
    }),
    answers: { 200: OfferRedemption },
    errors: [400, 401, 403, 404, 409, 410, 413, 503, 531],
  };
  const handler = async (c: Context) => {
    const caller = await actingCallerOf(c, engine, options);
    const request = await readBody(c, OfferRedemptionRequest, clientBodyBytes);
    assertPageMaySay(c, caller, request);
    const answer = await redeem(engine, caller, { request, mosUserAgent: header(c, "x-mos-user-agent") });
    return Response.json(answer.body, { status: answer.status, headers: pageHeaders });
  };
  return new Hono().post("/", described(about, handler));
}
