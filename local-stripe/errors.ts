import type { Json } from "./json.ts";

/** The `type` of an error (Stripe API reference, "Errors"). */
export type StripeErrorType = "api_error" | "card_error" | "idempotency_error" | "invalid_request_error";

/** The body of every refusal: `{ error: … }` (Stripe API reference, "Errors"). */
export interface StripeErrorBody {
  error: {
    type: StripeErrorType;
    message: string;
    code?: string;
    param?: string;
    doc_url?: string;
    request_log_url?: string;
  };
}

/** A refusal on its way to the caller: Stripe's status and Stripe's error object. */
export class StripeRefusal extends Error {
  override readonly name = "StripeRefusal";
  readonly status: 400 | 401 | 402 | 404 | 409 | 429 | 500;
  readonly body: StripeErrorBody;

  constructor(status: StripeRefusal["status"], error: StripeErrorBody["error"]) {
    super(error.message);
    this.status = status;
    const docs =
      error.code === undefined
        ? {}
        : { doc_url: `https://stripe.com/docs/error-codes/${error.code.replaceAll("_", "-")}` };
    this.body = { error: { ...error, ...docs } };
  }
}

/** A 400 `invalid_request_error`; `code` is one of Stripe's error codes ("Error codes"). */
export function invalid(message: string, detail: { code?: string; param?: string } = {}): StripeRefusal {
  return new StripeRefusal(400, { type: "invalid_request_error", message, ...detail });
}

/** A required parameter that is not there: `parameter_missing`. */
export function missing(param: string): StripeRefusal {
  return invalid(`Missing required param: ${param}.`, { code: "parameter_missing", param });
}

/** An id that names nothing: `resource_missing`, 404 when the id came in the path and 400 in a parameter. */
export function noSuch(kind: string, id: string, param: string, status: 400 | 404 = 400): StripeRefusal {
  return new StripeRefusal(status, {
    type: "invalid_request_error",
    message: `No such ${kind}: '${id}'`,
    code: "resource_missing",
    param,
  });
}

/** What an id in the path names, or the 404 Stripe gives for one that names nothing. */
export function found<T>(record: T | undefined, kind: string, id: string, param = "id"): T {
  if (record === undefined) {
    throw noSuch(kind, id, param, 404);
  }
  return record;
}

/** Two parameters of which only one may be given. */
export function onlyOneOf(...params: string[]): StripeRefusal {
  return invalid(`You may only specify one of these parameters: ${params.join(", ")}.`, { param: params[0] });
}

/** What Stripe does and this one does not: refused, so that nothing is silently different. */
export function notSimulated(param: string): StripeRefusal {
  return invalid(`The local Stripe does not simulate \`${param}\`. Leave it out, or use a Stripe test account.`, {
    param,
  });
}

/** A path or method that Stripe does not have; stripe-node would take a 404 without `error` for success. */
export function unrecognizedUrl(method: string, path: string): StripeRefusal {
  return new StripeRefusal(404, {
    type: "invalid_request_error",
    message: `Unrecognized request URL (${method}: ${path}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/.`,
  });
}

/** The body as JSON. */
export function errorJson(refusal: StripeRefusal): Json {
  return { error: { ...refusal.body.error } };
}
