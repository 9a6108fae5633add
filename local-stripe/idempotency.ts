import type { Context } from "./context.ts";
import { invalid, StripeRefusal } from "./errors.ts";
import type { SavedAnswer } from "./store.ts";

/** A request that may be sent again. */
export interface IdempotentRequest {
  key: string;
  method: string;
  path: string;
  /** `canonicalForm` of the body. */
  form: string;
}

/** The keys whose first request has not been answered yet. */
export type InFlight = Set<string>;

/**
 * Claims a key for its first request, or gives the answer to replay (Stripe API reference, "Idempotent requests").
 * Throws a `StripeRefusal`: 400 when the key belongs to another request, 409 while the first one is being answered.
 * Whoever gets no answer has the key in `inFlight` and takes it out when done.
 */
export function claim(context: Context, inFlight: InFlight, request: IdempotentRequest): SavedAnswer | undefined {
  const { key } = request;
  if (key.length > 255) {
    throw invalid(`Idempotency keys can be at most 255 characters, but yours is ${key.length}.`);
  }
  context.store.forgetAnswersBefore(context.nowSeconds() - keptSeconds);
  const saved = context.store.savedAnswer(key);
  if (saved !== undefined) {
    checkSame(saved, request);
    return saved;
  }
  if (inFlight.has(key)) {
    throw new StripeRefusal(409, {
      type: "invalid_request_error",
      code: "idempotency_key_in_use",
      message: `There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): ${key}. Please try again after the other request finishes.`,
    });
  }
  inFlight.add(key);
  return undefined;
}

const keptSeconds = 24 * 3600;

function checkSame(saved: SavedAnswer, { key, method, path, form }: IdempotentRequest): void {
  const advice = `Try using a key other than '${key}' if you meant to execute a different request.`;
  if (saved.method !== method || saved.path !== path) {
    throw new StripeRefusal(400, {
      type: "idempotency_error",
      message: `Keys for idempotent requests can only be used for the same endpoint they were first used for ('${path}' vs '${saved.path}'). ${advice}`,
    });
  }
  if (saved.form !== form) {
    throw new StripeRefusal(400, {
      type: "idempotency_error",
      message: `Keys for idempotent requests can only be used with the same parameters they were first used with. ${advice}`,
    });
  }
}
