import { ScripError } from "./error.ts";

/** The parameters that a return adds to a page's address (Allegro; the last is this project's own). */
export const returnParameters = [
  "allegro_purchase_token",
  "allegro_purchase_error",
  "allegro_purchase_pending",
] as const;

/**
 * The address that a buyer's browser is sent back to, without parameters of an earlier return. Only http and https, only
 * origins that are named, no user names and no tricks of spelling: what is checked is what is stored and followed.
 * Throws `return_url_not_allowed`.
 */
export function allowedReturnUrl(text: string, origins: readonly string[]): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isPlain = url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "";
  if (!isPlain || !origins.includes(url.origin)) {
    const which = url === null ? "it is not an address" : `add ${url.origin} to allowedOrigins`;
    throw new ScripError("return_url_not_allowed", `A buyer cannot be sent back to returnUrl: ${which}`);
  }
  for (const name of returnParameters) url.searchParams.delete(name);
  return url.href;
}

/** A page's address with the outcome of a purchase. */
export function withOutcome(url: string, name: (typeof returnParameters)[number], value: string): string {
  const next = new URL(url);
  next.searchParams.set(name, value);
  return next.href;
}

/** Where Stripe sends the browser of a buyer who has paid, and of one who leaves. `key` is the purchase's return key. */
export function returnAddresses(publicUrl: string, key: string): { success: string; cancel: string } {
  const back = `${returnEndpoint(publicUrl)}?key=${key}`;
  return { success: `${back}&session_id={CHECKOUT_SESSION_ID}`, cancel: `${back}&cancelled=1` };
}

/** The endpoint that every buyer comes back by. */
export function returnEndpoint(publicUrl: string): string {
  return `${publicUrl}/api/v1/purchases/return`;
}
