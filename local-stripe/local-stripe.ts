import { Hono } from "hono";
import type { Stripe } from "stripe";
import { answerRequest, type Counter, respond } from "./answer-request.ts";
import { sessionAnswer } from "./answers/session.ts";
import { type Catalogue, putCatalogue } from "./catalogue.ts";
import { type ChaosOptions, createChaos } from "./chaos.ts";
import { addHostedPage } from "./checkout/routes.ts";
import { openClock } from "./clock.ts";
import type { Context } from "./context.ts";
import { addControlRoutes, type RoutedControls } from "./control-routes.ts";
import { createControls } from "./controls.ts";
import { ConnectionCut, isCut } from "./cut-connection.ts";
import { applyDue } from "./due.ts";
import { endpoints } from "./endpoints.ts";
import { errorJson, StripeRefusal, unrecognizedUrl } from "./errors.ts";
import { newId } from "./ids.ts";
import type { WebhookEndpoint } from "./outbox.ts";
import { openStore } from "./store.ts";
import { startWorks } from "./works.ts";

/** How a local Stripe is set up. */
export interface LocalStripeOptions {
  /** Where it is reached, for the `url` of sessions; a function when the port is known later. */
  publicUrl: string | (() => string);
  /** The keys it accepts, `sk_test_…`. */
  secretKeys: readonly string[];
  /** The SQLite file that outlives a restart; in memory without one. */
  file?: string;
  /** The clock, milliseconds; `Date.now` by default. `advanceClock` moves it from there. */
  now?: () => number;
  /** Objects that are there from the start, see `putCatalogue`. */
  catalogue?: Catalogue;
  /** Awaited before each API request takes effect. */
  beforeAnswer?: Counter["beforeAnswer"];
  /** Where events are sent, instead of what the file says; `addWebhookEndpoint` adds to it. */
  webhookEndpoints?: readonly WebhookEndpoint[];
  /** How long after each failed delivery the next attempt comes, by the clock; after the last there is none. */
  webhookRetryMs?: readonly number[];
  /** Sends the events; the global `fetch` by default. */
  deliver?: typeof fetch;
  /** After how long, by the clock, a bank debit settles by itself; never, when left out. */
  delayedPaymentMs?: number;
  /** Faults on demand, from the start. */
  chaos?: ChaosOptions;
}

/** One request that came in, and how it was answered; status 0 when the connection was cut. */
export interface SeenRequest {
  method: string;
  path: string;
  status: number;
}

/** A Stripe of one's own. */
export interface LocalStripe extends RoutedControls {
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
  /** Resolves when nothing is due for delivery or under way; what is retried later is not waited for. */
  settled(): Promise<void>;
  /** Ends deliveries and timers, and closes the file: what is pending goes on when it is opened again. */
  close(): void;
}

/**
 * A Stripe for development and tests: the API of stripe-node's pinned version as far as `endpoints.ts` goes, the
 * hosted checkout page, and signed webhooks. Never for production: it takes no money and believes every test card.
 */
export function createLocalStripe(options: LocalStripeOptions): LocalStripe {
  const { catalogue = {}, secretKeys, beforeAnswer = () => undefined } = options;
  const context = openContext(options);
  const { store } = context;
  putCatalogue(context, { ...(store.list("account").length === 0 && { account: nameless }), ...catalogue });
  const works = startWorks(context, options);
  const controls: RoutedControls = { ...createControls(context), settled: works.settled };
  const seen: SeenRequest[] = [];
  const app = createApp({ context, secretKeys, inFlight: new Set(), beforeAnswer }, seen, controls);
  return {
    ...controls,
    app,
    fetch: async (input, init) => app.fetch(new Request(input, init)),
    putCatalogue: (more) => putCatalogue(context, more),
    sessions: () => {
      applyDue(context);
      return store.list("session").map((session) => sessionAnswer(context, session));
    },
    requests: () => seen,
    requestCount: (path) =>
      seen.filter((request) => request.path === path || `${request.method} ${request.path}` === path).length,
    close: () => {
      works.stop();
      store.close();
    },
  };
}

const nameless = { id: "acct_local", name: "Local Stripe" };

function openContext({
  file,
  now = Date.now,
  publicUrl,
  webhookEndpoints,
  delayedPaymentMs,
  chaos,
}: LocalStripeOptions) {
  const store = openStore(file);
  const clock = openClock(store, now);
  if (webhookEndpoints !== undefined) {
    store.transaction(() => {
      store.forgetEndpoints();
      webhookEndpoints.forEach(store.putEndpoint);
    });
  }
  return {
    store,
    clock,
    nowSeconds: () => Math.floor(clock.nowMs() / 1000),
    publicUrl: () => (typeof publicUrl === "string" ? publicUrl : publicUrl()).replace(/\/$/, ""),
    request: { id: null, idempotency_key: null },
    delayedPaymentMs: delayedPaymentMs ?? null,
    chaos: createChaos(chaos),
  } satisfies Context;
}

function createApp(counter: Counter, seen: SeenRequest[], controls: RoutedControls): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    const { method, path } = c.req;
    const see = (status: number) => {
      seen.push({ method, path, status });
      seen.splice(0, seen.length - 1000);
    };
    try {
      await next();
      see(isCut(c.res) ? 0 : c.res.status);
    } catch (error) {
      see(0);
      throw error;
    }
  });
  for (const endpoint of endpoints) {
    app.on(endpoint.method, endpoint.path, (c) => answerRequest(counter, endpoint, c));
  }
  addHostedPage(app, counter.context);
  addControlRoutes(app, controls, counter.secretKeys);
  app.notFound((c) => refuse(c, unrecognizedUrl(c.req.method, c.req.path)));
  app.onError((error, c) => {
    if (error instanceof ConnectionCut) {
      throw error;
    }
    console.error(error);
    const message = "An unknown error occurred in the local Stripe; its log says which.";
    return refuse(c, new StripeRefusal(500, { type: "api_error", message }));
  });
  return app;
}

function refuse(c: Parameters<typeof respond>[0], refusal: StripeRefusal): Response {
  return respond(c, { status: refusal.status, body: JSON.stringify(errorJson(refusal)), requestId: newId("req", 14) });
}
