import Stripe from "stripe";
import * as v from "valibot";
import { Json, JsonObject } from "../schemas/json.ts";

/** Where Stripe's API is. */
export type StripeEndpoint = { protocol: "http" | "https"; host: string; port: number };

/** A request that a workflow makes with `utils.integrations.stripe.fetch`. */
export const StripeRequest = v.strictObject({
  method: v.picklist(["GET", "POST", "DELETE"]),
  path: v.pipe(
    v.string(),
    v.maxLength(2048),
    v.regex(/^\/v1\/[\w/.%~?&=[\]{}+,:-]+$/, "must be a path that begins with /v1/"),
    v.check((path) => !/(^|\/)\.\.?(\/|\?|$)/.test(path.replaceAll(/%2e/gi, ".")), "must not contain . or .. segments"),
  ),
  body: v.optional(JsonObject),
  headers: v.optional(
    v.pipe(
      v.record(v.string(), v.string()),
      v.check(
        (headers) => Object.keys(headers).every((name) => /^stripe-(version|account)$/i.test(name)),
        "only Stripe-Version and Stripe-Account may be set",
      ),
    ),
  ),
});
export type StripeRequest = v.InferOutput<typeof StripeRequest>;

/** What Stripe answered. On failure `body` holds Stripe's `error` object. */
export type StripeAnswer = { ok: boolean; status: number; headers: Record<string, string>; body: Json };

/** How Stripe's library speaks HTTP, where a runtime has a faster way than `fetch`. */
export type StripeHttpClient = NonNullable<Stripe.StripeConfig["httpClient"]>;

/** Gives the client of a secret key, made once. */
export type StripeClients = (secretKey: string) => Stripe;

/** Makes the clients of one process: the official library, over `fetch` unless told otherwise, with its own retries (Stripe: "Idempotent requests"). */
export function createStripeClients({
  fetch,
  stripeEndpoint,
  stripeHttpClient = Stripe.createFetchHttpClient(fetch),
}: {
  fetch: typeof globalThis.fetch;
  stripeEndpoint?: StripeEndpoint;
  stripeHttpClient?: StripeHttpClient;
}): StripeClients {
  const clients = new Map<string, Stripe>();
  return (secretKey) => {
    const known = clients.get(secretKey);
    if (known !== undefined) return known;
    const client = new Stripe(secretKey, {
      httpClient: stripeHttpClient,
      maxNetworkRetries: 2,
      timeout: 8000,
      telemetry: false,
      ...(stripeEndpoint ?? {}),
    });
    clients.set(secretKey, client);
    return client;
  };
}

/** Sends a request. Resolves for every answer of Stripe, and with status 503 when there was none; a GET takes no body. */
export async function sendToStripe(
  client: Stripe,
  request: StripeRequest,
  idempotencyKey: string | null,
): Promise<StripeAnswer> {
  if (request.method !== "POST" && request.body !== undefined) {
    throw new TypeError(`a ${request.method} request takes no body: put its parameters into the path`);
  }
  try {
    const answer: unknown = await client.rawRequest(request.method, request.path, request.body, {
      additionalHeaders: request.headers ?? {},
      ...(idempotencyKey !== null && request.method === "POST" ? { idempotencyKey } : {}),
    });
    return { ok: true, status: 200, headers: headersOf(answer), body: jsonOf(answer) };
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeError)) throw error;
    return failure(error);
  }
}

const Response = v.object({ lastResponse: v.object({ headers: v.record(v.string(), v.string()) }) });

function headersOf(answer: unknown): Record<string, string> {
  const parsed = v.safeParse(Response, answer);
  return parsed.success ? parsed.output.lastResponse.headers : {};
}

/** The library's objects carry more than JSON: only JSON goes on. */
function jsonOf(value: unknown): Json {
  return v.parse(Json, JSON.parse(JSON.stringify(value)));
}

function failure(error: InstanceType<typeof Stripe.errors.StripeError>): StripeAnswer {
  const { statusCode, rawType, code, message, param, decline_code, doc_url, requestId } = error;
  if (statusCode === undefined) {
    const body = { error: { type: "api_connection_error", message: "Stripe cannot be reached" } };
    return { ok: false, status: 503, headers: {}, body };
  }
  const details = { type: rawType ?? "api_error", code, message, param, decline_code, doc_url, request_id: requestId };
  return {
    ok: false,
    status: statusCode,
    headers: v.parse(v.record(v.string(), v.string()), error.headers ?? {}),
    body: { error: jsonOf(details) },
  };
}
