/**
 * Every word that an error body may carry in `code`: closed and stable. Grouped by what the caller should do.
 * The HTTP status of each stands in one table, `api/errors.ts`.
 */
export const errorCodes = [
  // the request is wrong: mend it
  "invalid_json",
  "invalid_body",
  "body_too_large",
  "not_found",
  // the key is wrong: use another one
  "invalid_api_key",
  "invalid_admin_token",
  "organization_not_found",
  "secret_key_required",
  "origin_not_allowed",
  "role_not_allowed",
  // the identity is wrong
  "invalid_user_jwt",
  "user_jwt_not_configured",
  "jwks_unavailable",
  // what was asked for is not there
  "surface_not_found",
  "environment_not_found",
  "event_not_found",
  "method_not_found",
  "offer_not_found",
  "version_not_found",
  "key_not_found",
  "plan_not_found",
  "product_not_found",
  "purchase_not_found",
  "member_not_found",
  "entitlement_not_found",
  "account_not_found",
  "webhook_secret_not_found",
  "webhook_endpoint_not_found",
  "webhook_message_not_found",
  "task_not_found",
  // a purchase or a session cannot go on
  "plan_not_for_sale",
  "return_url_not_allowed",
  "checkout_refused",
  "purchase_token_invalid",
  "purchase_not_refundable",
  "member_session_ended",
  "webhook_signature_invalid",
  // the offer token cannot be redeemed
  "token_malformed",
  "token_signature_invalid",
  "token_wrong_environment",
  "token_expired",
  "token_identity_mismatch",
  "token_dry_run",
  "offer_unavailable",
  "already_redeemed",
  "limit_reached",
  // the workflow said no, or broke
  "redemption_refused",
  "workflow_error",
  // the configuration cannot be applied
  "config_invalid",
  "config_conflict",
  "compiler_unavailable",
  "environment_exists",
  // try again
  "rate_limited",
  "redemption_in_progress",
  "sandbox_busy",
  "stripe_unreachable",
  "storage_unavailable",
  "internal_error",
] as const;

/** One word of the closed list. */
export type ErrorCode = (typeof errorCodes)[number];
