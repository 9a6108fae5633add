import * as v from "valibot";
import { deliveryStatuses, type listDeliveries } from "../engine/webhooks/deliveries.ts";
import type { ShownEndpoint } from "../engine/webhooks/endpoints.ts";
import { disabledReasons } from "../engine/webhooks/history.ts";
import { attemptErrors } from "../engine/webhooks/send.ts";
import { WebhookPayload, WebhookType } from "../schemas/webhooks.ts";
import { isoTime } from "./time.ts";

const Url = v.pipe(
  v.string(),
  v.maxLength(2048),
  v.check(isReceiver, "must be an https URL without credentials and without a fragment"),
);

function isReceiver(text: string): boolean {
  const url = URL.parse(text);
  return url?.protocol === "https:" && url.username === "" && url.password === "" && url.hash === "";
}

const wishes = {
  url: Url,
  description: v.pipe(v.string(), v.maxLength(200)),
  types: v.pipe(v.array(WebhookType), v.maxLength(100)),
  enabled: v.boolean(),
};

/** Body of `POST …/webhook-endpoints`. `types` left out or empty means all. */
export const NewEndpoint = v.strictObject({
  url: wishes.url,
  description: v.optional(wishes.description, ""),
  types: v.optional(wishes.types, []),
  enabled: v.optional(wishes.enabled, true),
});

/** Body of `PATCH …/webhook-endpoints/{endpointId}`: what is left out stays. */
export const EndpointChanges = v.partial(v.strictObject(wishes));

/** Query of `GET …/deliveries`. */
export const DeliveriesQuery = v.object({
  status: v.optional(v.nullable(v.picklist(deliveryStatuses)), null),
  cursor: v.optional(v.nullable(v.pipe(v.string(), v.maxLength(100))), null),
  limit: v.pipe(
    v.optional(v.string(), "20"),
    v.regex(/^([1-9]\d?|100)$/, "must be a number from 1 to 100"),
    v.transform(Number),
  ),
});

const Time = v.pipe(v.string(), v.isoTimestamp());
const OptionalTime = v.nullable(Time);

const Endpoint = v.object({
  id: v.string(),
  url: v.string(),
  description: v.string(),
  types: v.array(v.string()),
  enabled: v.boolean(),
  createdAt: Time,
  disabledAt: OptionalTime,
  disabledReason: v.nullable(v.picklist(disabledReasons)),
  previousSecretUntil: OptionalTime,
});

const Attempt = v.object({
  createdAt: Time,
  status: v.nullable(v.number()),
  error: v.nullable(v.picklist(attemptErrors)),
  /** How the receiver's answer begins, where it is not 2xx. */
  said: v.string(),
  durationMs: v.number(),
});

const Delivery = v.object({
  messageId: v.string(),
  status: v.picklist(deliveryStatuses),
  nextAttemptAt: OptionalTime,
  deliveredAt: OptionalTime,
  payload: v.nullable(WebhookPayload),
  attempts: v.array(Attempt),
});

/** The answer of what changes something and has nothing to say. */
export const Done = v.object({ status: v.literal("success") });

/** All endpoints, oldest first. */
export const EndpointsAnswer = v.object({ ...Done.entries, endpoints: v.array(Endpoint) });

/** One endpoint as it is now. */
export const EndpointAnswer = v.object({ ...Done.entries, endpoint: Endpoint });

/** An endpoint with its secret, this once. */
export const SecretAnswer = v.object({ ...EndpointAnswer.entries, secret: v.string() });

/** The ping's id, to be looked up among the deliveries. */
export const PingAnswer = v.object({ ...Done.entries, messageId: v.string() });

/** A page of deliveries; `nextCursor` is null on the last. */
export const DeliveriesAnswer = v.object({
  ...Done.entries,
  deliveries: v.array(Delivery),
  nextCursor: v.nullable(v.string()),
});

/** An endpoint as answers carry it. */
export function shownEndpoint(endpoint: ShownEndpoint): v.InferInput<typeof Endpoint> {
  const { createdAt, disabledAt, previousSecretUntil } = endpoint;
  return {
    ...endpoint,
    enabled: disabledAt === null,
    createdAt: isoTime(createdAt),
    disabledAt: optionalTime(disabledAt),
    previousSecretUntil: optionalTime(previousSecretUntil),
  };
}

type Listed = Awaited<ReturnType<typeof listDeliveries>>["deliveries"][number];

/** A delivery as answers carry it. */
export function shownDelivery({ message, attempts, ...delivery }: Listed) {
  return {
    ...delivery,
    nextAttemptAt: delivery.status === "pending" ? isoTime(delivery.nextAttemptAt) : null,
    deliveredAt: optionalTime(delivery.deliveredAt),
    payload: message?.payload ?? null,
    attempts: attempts.map(({ createdAt, status, error, durationMs }) => {
      const [word = null, ...said] = error?.split(": ") ?? [];
      return { createdAt: isoTime(createdAt), status, error: word, said: said.join(": "), durationMs };
    }),
  };
}

function optionalTime(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms);
}
