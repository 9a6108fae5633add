import type { Stripe } from "stripe";
import { sessionAnswer } from "../answers/session.ts";
import type { Context } from "../context.ts";
import { createSession } from "../create-session.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import { lineItemsPage } from "../expand.ts";
import { inRange, pageOf } from "../list-page.ts";
import { currentSessions, expireSession, sessionOf } from "../sessions.ts";

const path = "/v1/checkout/sessions";

/** Stripe API reference, "Checkout Sessions". */
export const checkoutSessionEndpoints: Endpoint[] = [
  endpoint("POST", path, "sessionCreate", (context, params) => sessionAnswer(context, createSession(context, params))),
  endpoint("GET", path, "sessionList", (context, params) =>
    pageOf(filtered(context, params), (session) => sessionAnswer(context, session), {
      params,
      url: path,
      kind: "checkout.session",
    }),
  ),
  endpoint("GET", `${path}/:id`, "sessionRetrieve", (context, _, id) => sessionAnswer(context, sessionOf(context, id))),
  endpoint("POST", `${path}/:id/expire`, "sessionExpire", (context, _, id) =>
    sessionAnswer(context, expireSession(context, id)),
  ),
  endpoint("GET", `${path}/:id/line_items`, "sessionLineItems", (context, params, id) =>
    lineItemsPage(context, sessionOf(context, id).id, params),
  ),
];

function filtered(context: Context, params: Stripe.Checkout.SessionListParams) {
  const { created, customer, customer_details: details, payment_intent, status, subscription } = params;
  return currentSessions(context).filter(
    (session) =>
      (customer === undefined || session.customer === customer) &&
      (details === undefined || session.customer_details?.email === details.email) &&
      (payment_intent === undefined || session.payment_intent === payment_intent) &&
      (subscription === undefined || session.subscription === subscription) &&
      (status === undefined || session.status === status) &&
      inRange(session.created, created),
  );
}
