import { Hono } from "hono";
import type { Stripe } from "stripe";
import { answerRequest, type Counter, respond } from "./answer-request.ts";
import { sessionAnswer } from "./answers/session.ts";
import { type Catalogue, putCatalogue } from "./catalogue.ts";
import { addHostedPage } from "./checkout/routes.ts";
import type { Context } from "./context.ts";
import { endpoints } from "./endpoints.ts";
import { errorJson, StripeRefusal, unrecognizedUrl } from "./errors.ts";
import { newId } from "./ids.ts";
import { currentSessions } from "./sessions.ts";
import { openStore } from "./store.ts";

/** How a local Stripe is set up. */
export interface LocalStripeOptions {
  /** Where it is reached, for the `url` of sessions; a function when the port is known later. */
  publicUrl: string | (() => string);
  /** The keys it accepts, `sk_test_…`. */
  secretKeys: readonly string[];
  /** The SQLite file that outlives a restart; in memory without one. */
  file?: string;
  /** The clock, milliseconds; `Date.now` by default. */
  now?: () => number;
  /** Objects that are there from the start, see `putCatalogue`. */
  catalogue?: Catalogue;
  /** Awaited before each API request takes effect. */
  beforeAnswer?: Counter["beforeAnswer"];
}

/** One request that came in, and how it was answered. */
export interface SeenRequest {
  method: string;
  path: string;
  status: number;
}

/** A Stripe of one's own. */
export interface LocalStripe {
  app: Hono;
  /** `app` as a fetch function, for `Stripe.createFetchHttpClient`. */
  fetch: typeof fetch;
  /** Puts objects with given ids; doing it again changes nothing. */
  putCatalogue(catalogue: Catalogue): void;
  /** All sessions, newest first, as the API shows them. */
  sessions(): Stripe.Checkout.Session[];
  /** The latest thousand requests since the start, oldest first. */
  requests(): readonly SeenRequest[];
  /** How many of them went to a path, or to a method and path: `"POST /v1/checkout/sessions"`. */
  requestCount(path: string): number;
  /** Closes the file. */
  close(): void;
}

/**
 * A Stripe for development and tests: the API of stripe-node's pinned version as far as `endpoints.ts` goes, and the
 * hosted checkout page. Never for production: it takes no money and believes every test card.
 */
export function createLocalStripe(options: LocalStripeOptions): LocalStripe {
  const { publicUrl, now = Date.now, catalogue = {}, beforeAnswer = () => undefined } = options;
  const store = openStore(options.file);
  const context: Context = {
    store,
    nowSeconds: () => Math.floor(now() / 1000),
    publicUrl: () => (typeof publicUrl === "string" ? publicUrl : publicUrl()).replace(/\/$/, ""),
  };
  putCatalogue(context, { ...(store.list("account").length === 0 && { account: nameless }), ...catalogue });
  const seen: SeenRequest[] = [];
  const app = createApp({ context, secretKeys: options.secretKeys, inFlight: new Set(), beforeAnswer }, seen);
  return {
    app,
    fetch: async (input, init) => app.fetch(new Request(input, init)),
    putCatalogue: (more) => putCatalogue(context, more),
    sessions: () => currentSessions(context).map((session) => sessionAnswer(context, session)),
    requests: () => seen,
    requestCount: (path) =>
      seen.filter((request) => request.path === path || `${request.method} ${request.path}` === path).length,
    close: store.close,
  };
}

const nameless = { id: "acct_local", name: "Local Stripe" };

function createApp(counter: Counter, seen: SeenRequest[]): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    await next();
    seen.push({ method: c.req.method, path: c.req.path, status: c.res.status });
    seen.splice(0, seen.length - 1000);
  });
  for (const endpoint of endpoints) {
    app.on(endpoint.method, endpoint.path, (c) => answerRequest(counter, endpoint, c));
  }
  addHostedPage(app, counter.context);
  app.notFound((c) => refuse(c, unrecognizedUrl(c.req.method, c.req.path)));
  app.onError((error, c) => {
    console.error(error);
    const message = "An unknown error occurred in the local Stripe; its log says which.";
    return refuse(c, new StripeRefusal(500, { type: "api_error", message }));
  });
  return app;
}

function refuse(c: Parameters<typeof respond>[0], refusal: StripeRefusal): Response {
  return respond(c, { status: refusal.status, body: JSON.stringify(errorJson(refusal)), requestId: newId("req", 14) });
}
