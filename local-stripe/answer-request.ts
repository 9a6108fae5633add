import type { Context as HonoContext } from "hono";
import { authenticate } from "./auth.ts";
import type { Context } from "./context.ts";
import { cutConnection } from "./cut-connection.ts";
import { applyDue } from "./due.ts";
import type { Endpoint, Prepared } from "./endpoint.ts";
import { errorJson, invalid, StripeRefusal } from "./errors.ts";
import { apiVersion } from "./events.ts";
import { expand } from "./expand.ts";
import { canonicalForm, parseForm } from "./form.ts";
import { claim, type InFlight } from "./idempotency.ts";
import { newId } from "./ids.ts";
import { type Json, toJson } from "./json.ts";

/** What answering needs besides the endpoint. */
export interface Counter {
  context: Context;
  secretKeys: readonly string[];
  inFlight: InFlight;
  /** Awaited before a request takes effect: where tests hold one in flight. */
  beforeAnswer: (request: { method: string; path: string }) => void | Promise<void>;
}

/**
 * Answers one API request: key, form, idempotency, parameters, what the clock has made due, then the endpoint's work
 * and the saved answer in one transaction. Refusals become Stripe's error object; anything else that is thrown goes on.
 */
export async function answerRequest(counter: Counter, endpoint: Endpoint, c: HonoContext): Promise<Response> {
  const requestId = newId("req", 14);
  try {
    authenticate(c.req.header("authorization"), counter.secretKeys);
    const encoded = await encodedParams(c);
    const fate = counter.context.chaos.apiFate();
    if (fate === "dropBeforeWork") {
      return cutConnection(c);
    }
    if (fate === "error429" || fate === "error500") {
      throw faults[fate];
    }
    const answer = await answerOnce(counter, endpoint, c, { requestId, encoded });
    return fate === "timeoutAfterWork" ? cutConnection(c) : answer;
  } catch (error) {
    if (error instanceof StripeRefusal) {
      return respond(c, { status: error.status, body: JSON.stringify(errorJson(error)), requestId });
    }
    throw error;
  }
}

/** Any answer with Stripe's headers; `requestId` is the one of this request, not of a replayed one. */
export function respond(
  c: HonoContext,
  { status, body, requestId, original }: { status: number; body: string; requestId: string; original?: string },
): Response {
  const headers = new Headers({
    "content-type": "application/json",
    "cache-control": "no-cache, no-store",
    "request-id": requestId,
    "stripe-version": c.req.header("stripe-version") ?? apiVersion,
  });
  const key = c.req.header("idempotency-key");
  if (key !== undefined && c.req.method === "POST" && /^[\x20-\x7e]+$/.test(key)) {
    headers.set("idempotency-key", key);
  }
  if (original !== undefined) {
    headers.set("original-request", original);
    headers.set("idempotent-replayed", "true");
  }
  if (status >= 400) {
    headers.set("stripe-should-retry", String(status === 409 || status >= 500));
  }
  return new Response(body, { status, headers });
}

/** Faults on demand, in Stripe's words ("Rate limits", "Errors"). */
const faults = {
  error429: new StripeRefusal(429, {
    type: "invalid_request_error",
    code: "rate_limit",
    message: "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.",
  }),
  error500: new StripeRefusal(500, {
    type: "api_error",
    message:
      "An unknown error occurred. If you have any questions, we can help at https://support.stripe.com/. (A fault on demand: nothing was done, and no answer is kept.)",
  }),
};

interface Asked {
  requestId: string;
  encoded: string;
}

async function encodedParams(c: HonoContext): Promise<string> {
  if (c.req.method !== "POST") {
    return new URL(c.req.url).search.slice(1);
  }
  const text = await c.req.text();
  const type = c.req.header("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/x-www-form-urlencoded" && text !== "") {
    throw invalid(
      "Invalid request (check that your POST content type is application/x-www-form-urlencoded). If you have any questions, we can help at https://support.stripe.com/.",
    );
  }
  return text;
}

async function answerOnce(counter: Counter, endpoint: Endpoint, c: HonoContext, asked: Asked): Promise<Response> {
  const key = c.req.method === "POST" ? c.req.header("idempotency-key") : undefined;
  const request = { method: c.req.method, path: c.req.path, form: canonicalForm(asked.encoded) };
  if (key === undefined) {
    await counter.beforeAnswer(request);
    return respond(c, { ...perform(counter.context, endpoint, c, asked), requestId: asked.requestId });
  }
  const saved = claim(counter.context, counter.inFlight, { ...request, key });
  if (saved !== undefined) {
    return respond(c, { ...saved, requestId: asked.requestId, original: saved.requestId });
  }
  try {
    await counter.beforeAnswer(request);
    return respond(c, {
      ...perform(counter.context, endpoint, c, asked, { ...request, key }),
      requestId: asked.requestId,
    });
  } finally {
    counter.inFlight.delete(key);
  }
}

/** Wrong parameters leave no trace; once the endpoint has begun, its answer is saved under the key, refusals too. */
function perform(
  context: Context,
  endpoint: Endpoint,
  c: HonoContext,
  { encoded, requestId }: Asked,
  saveAs?: { key: string; method: string; path: string; form: string },
): { status: number; body: string } {
  const prepared = endpoint.prepare(parseForm(encoded));
  applyDue(context);
  const asking = { ...context, request: { id: requestId, idempotency_key: saveAs?.key ?? null } };
  const save = (answer: { status: number; body: string }) => {
    if (saveAs !== undefined) {
      context.store.saveAnswer({ ...saveAs, ...answer, requestId, created: context.nowSeconds() });
    }
    return answer;
  };
  try {
    return context.store.transaction(() => {
      const body = JSON.stringify(run(asking, prepared, c.req.param("id") ?? ""));
      return save({ status: 200, body });
    });
  } catch (error) {
    if (error instanceof StripeRefusal) {
      return save({ status: error.status, body: JSON.stringify(errorJson(error)) });
    }
    throw error;
  }
}

function run(context: Context, prepared: Prepared, id: string): Json {
  return expand(context, toJson(prepared.run(context, id)), prepared.expand);
}
