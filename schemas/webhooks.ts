import * as v from "valibot";
import { JsonObject } from "./json.ts";

/** Every type of an outgoing webhook: closed and stable. What each carries stands in docs/webhooks.md. */
export const webhookTypes = [
  "purchase.completed",
  "purchase.refunded",
  "entitlement.granted",
  "entitlement.revoked",
  "member.created",
  "redemption.completed",
  // only for the endpoint that an operator asked to try
  "ping",
] as const;

/** One type of the closed list. */
export const WebhookType = v.picklist(webhookTypes);
export type WebhookType = v.InferOutput<typeof WebhookType>;

/** The body of a webhook (Standard Webhooks, "Payload structure"). `timestamp` is when it became true, ISO 8601. */
export const WebhookPayload = v.object({
  type: WebhookType,
  timestamp: v.pipe(v.string(), v.isoTimestamp()),
  data: JsonObject,
});
export type WebhookPayload = v.InferOutput<typeof WebhookPayload>;
