import type { Context } from "hono";
import { ScripError } from "../engine/error.ts";
import { isStorageError } from "../engine/storage-fault.ts";
import type { ErrorCode } from "../schemas/error-codes.ts";
import type { ErrorBody } from "../schemas/errors.ts";
import { pageHeaders } from "./pages.ts";

/** The HTTP status of every code. */
export const statusOf: Record<ErrorCode, number> = {
  invalid_json: 400,
  invalid_body: 400,
  body_too_large: 413,
  not_found: 404,
  invalid_api_key: 401,
  invalid_admin_token: 401,
  organization_not_found: 404,
  secret_key_required: 403,
  origin_not_allowed: 403,
  role_not_allowed: 403,
  invalid_user_jwt: 401,
  user_jwt_not_configured: 400,
  jwks_unavailable: 503,
  surface_not_found: 404,
  environment_not_found: 404,
  event_not_found: 404,
  method_not_found: 404,
  offer_not_found: 404,
  version_not_found: 404,
  key_not_found: 404,
  plan_not_found: 404,
  product_not_found: 404,
  purchase_not_found: 404,
  member_not_found: 404,
  entitlement_not_found: 404,
  account_not_found: 404,
  webhook_secret_not_found: 404,
  webhook_endpoint_not_found: 404,
  webhook_message_not_found: 404,
  task_not_found: 404,
  plan_not_for_sale: 409,
  return_url_not_allowed: 403,
  checkout_refused: 502,
  purchase_token_invalid: 400,
  purchase_not_refundable: 409,
  member_session_ended: 401,
  webhook_signature_invalid: 400,
  token_malformed: 400,
  token_signature_invalid: 400,
  token_wrong_environment: 403,
  token_expired: 410,
  token_identity_mismatch: 403,
  token_dry_run: 409,
  offer_unavailable: 410,
  already_redeemed: 409,
  limit_reached: 409,
  redemption_refused: 400,
  workflow_error: 531,
  config_invalid: 422,
  config_conflict: 409,
  compiler_unavailable: 501,
  environment_exists: 409,
  rate_limited: 429,
  redemption_in_progress: 503,
  sandbox_busy: 503,
  stripe_unreachable: 503,
  storage_unavailable: 503,
  internal_error: 500,
};

/** Turns any error into its answer. What is not meant for callers is told to `onFault` and answered as a 500. */
export function errorAnswer(error: unknown, c: Context, onFault: (fault: unknown, what: string) => void): Response {
  const known = toScripError(error);
  if (known.code === "internal_error" || known.code === "storage_unavailable") {
    onFault(error, `${c.req.method} ${c.req.path} failed`);
  }
  const statusCode = statusOf[known.code];
  const body: ErrorBody = { status: "error", statusCode, message: known.message, code: known.code };
  if (known.eventId !== undefined) body.eventId = known.eventId;
  if (known.issues !== undefined) body.issues = known.issues;
  const headers = new Headers(c.req.path.startsWith("/api/v1/") ? pageHeaders : {});
  if (known.retryAfterSeconds !== undefined) headers.set("Retry-After", String(known.retryAfterSeconds));
  return Response.json(body, { status: statusCode, headers });
}

function toScripError(error: unknown): ScripError {
  if (error instanceof ScripError) return error;
  if (isStorageError(error)) {
    return new ScripError("storage_unavailable", "The database does not answer: try again", { retryAfterSeconds: 1 });
  }
  return new ScripError("internal_error", "Internal server error");
}
