import { Webhook } from "standardwebhooks";

/** A new secret of an endpoint: `whsec_` and 32 random bytes in base64 (Standard Webhooks, "Signature scheme"). */
export function newWebhookSecret(): string {
  return `whsec_${crypto.getRandomValues(new Uint8Array(32)).toBase64()}`;
}

/**
 * The headers of one attempt: id, time and a signature by each secret, newest first (Standard Webhooks, "Webhook headers").
 * The id stays the same for every attempt of a message, time and signatures do not.
 */
export function signedHeaders(
  secrets: readonly string[],
  { id, body, atMs }: { id: string; body: string; atMs: number },
): Record<string, string> {
  const at = new Date(atMs);
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(atMs / 1000)),
    "webhook-signature": secrets.map((secret) => new Webhook(secret).sign(id, at, body)).join(" "),
  };
}
