import { StripeRefusal } from "./errors.ts";

/**
 * Lets a request with one of the secret keys pass, as Bearer token or as Basic user name, and throws Stripe's 401
 * otherwise (Stripe API reference, "Authentication").
 */
export function authenticate(authorization: string | undefined, secretKeys: readonly string[]): void {
  const key = keyOf(authorization);
  if (key === undefined || key === "") {
    throw unauthorized(
      "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or we can help at https://support.stripe.com/.",
    );
  }
  if (key.startsWith("pk_")) {
    throw unauthorized(
      "This API call cannot be made with a publishable API key. Please use a secret API key. You can find a list of your API keys at https://dashboard.stripe.com/account/apikeys.",
      "secret_key_required",
    );
  }
  if (!secretKeys.includes(key)) {
    throw unauthorized(`Invalid API Key provided: ${masked(key)}`);
  }
}

function keyOf(authorization: string | undefined): string | undefined {
  const [, scheme, credentials] = /^(Bearer|Basic)\s+(\S+)\s*$/i.exec(authorization ?? "") ?? [];
  if (scheme === undefined || credentials === undefined) {
    return undefined;
  }
  return scheme.toLowerCase() === "bearer" ? credentials : Buffer.from(credentials, "base64").toString().split(":")[0];
}

/** `sk_test_****************4242`: the mode and the last four characters, as Stripe shows them. */
function masked(key: string): string {
  const [prefix = ""] = /^[a-z]{2}_(?:test_|live_)?/.exec(key) ?? [];
  const secret = key.slice(prefix.length);
  return secret.length <= 4
    ? prefix + "*".repeat(secret.length)
    : prefix + "*".repeat(secret.length - 4) + secret.slice(-4);
}

function unauthorized(message: string, code?: string): StripeRefusal {
  return new StripeRefusal(401, { type: "invalid_request_error", message, ...(code !== undefined && { code }) });
}
