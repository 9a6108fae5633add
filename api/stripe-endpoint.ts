import type { StripeEndpoint } from "../engine/stripe.ts";
import type { Settings } from "./config.ts";

/** Where `STRIPE_API_URL` says that Stripe is; null for Stripe itself. */
export function stripeEndpointOf({ stripeApiUrl }: Pick<Settings, "stripeApiUrl">): StripeEndpoint | null {
  if (stripeApiUrl === null) return null;
  const { protocol, hostname, port: given } = new URL(stripeApiUrl);
  const isHttps = protocol === "https:";
  return { protocol: isHttps ? "https" : "http", host: hostname, port: Number(given || (isHttps ? 443 : 80)) };
}
