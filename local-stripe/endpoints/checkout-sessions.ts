import { sessionAnswer } from "../answers/session.ts";
import { createSession } from "../create-session.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import { lineItemsPage } from "../expand.ts";
import { listPage } from "../list-page.ts";
import { expireSession, sessionOf } from "../sessions.ts";

const path = "/v1/checkout/sessions";

/** Stripe API reference, "Checkout Sessions". */
export const checkoutSessionEndpoints: Endpoint[] = [
  endpoint("POST", path, "sessionCreate", (context, params) => sessionAnswer(context, createSession(context, params))),
  endpoint("GET", path, "sessionList", (context, params) => {
    const { customer, customer_details: details, payment_intent, status, subscription } = params;
    return listPage(context, {
      kind: "session",
      name: "checkout.session",
      url: path,
      params,
      by: { customer, payment_intent, subscription, email: details?.email },
      only: (session) => status === undefined || session.status === status,
      answer: (session) => sessionAnswer(context, session),
    });
  }),
  endpoint("GET", `${path}/:id`, "sessionRetrieve", (context, _, id) => sessionAnswer(context, sessionOf(context, id))),
  endpoint("POST", `${path}/:id/expire`, "sessionExpire", (context, _, id) =>
    sessionAnswer(context, expireSession(context, id)),
  ),
  endpoint("GET", `${path}/:id/line_items`, "sessionLineItems", (context, params, id) =>
    lineItemsPage(context, sessionOf(context, id).id, params),
  ),
];
