import type { Stripe } from "stripe";
import type { Context } from "../context.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import { found, invalid, onlyOneOf } from "../errors.ts";
import { isObject, type Json } from "../json.ts";
import { checkPage, type Page } from "../list-page.ts";
import type { StoredEvent } from "../outbox.ts";

/** Stripe API reference, "Events": those of the latest thirty days. */
export const eventEndpoints: Endpoint[] = [
  endpoint("GET", "/v1/events", "eventList", eventsPage),
  endpoint("GET", "/v1/events/:id", "eventRetrieve", (context, _, id) => {
    const event = context.store.event(id);
    return eventJson(found(event && event.created >= oldest(context) ? event : undefined, "event", id));
  }),
];

const keptSeconds = 30 * 86_400;

function oldest({ nowSeconds }: Context): number {
  return nowSeconds() - keptSeconds;
}

function eventsPage(context: Context, params: Stripe.EventListParams): Page<object> {
  const { limit = 10, created, delivery_success, starting_after: after, ending_before: before } = params;
  checkPage(params, (id) => context.store.event(id) !== undefined, "event");
  const events = context.store.events({
    since: oldest(context),
    types: typesOf(params),
    created,
    delivered: delivery_success,
    after,
    before,
    limit: limit + 1,
  });
  const shown = events.slice(0, limit);
  const data = before === undefined ? shown : shown.reverse();
  return { object: "list", data: data.map(eventJson), has_more: events.length > limit, url: "/v1/events" };
}

function typesOf({ type, types }: Stripe.EventListParams): readonly string[] | undefined {
  if (type !== undefined && types !== undefined) {
    throw onlyOneOf("type", "types");
  }
  if ((types?.length ?? 0) > 20) {
    throw invalid("You may only specify up to 20 event types.", { param: "types" });
  }
  const given = types ?? (type === undefined ? undefined : [type]);
  const odd = given?.find((name) => !/^[a-z_.*]+$/.test(name));
  if (odd !== undefined) {
    throw invalid(`Invalid event type: ${odd}`, { param: type === undefined ? "types" : "type" });
  }
  return given;
}

/** The event as it was, but for how many endpoints still wait for it. */
function eventJson({ body, undelivered }: StoredEvent & { undelivered: number }): object {
  const event: Json = JSON.parse(body);
  return isObject(event) ? { ...event, pending_webhooks: undelivered } : {};
}
