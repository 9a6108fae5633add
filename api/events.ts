import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import * as v from "valibot";
import type { Engine } from "../engine/engine.ts";
import { ScripError } from "../engine/error.ts";
import { findEvent } from "../engine/events.ts";
import { Json } from "../schemas/json.ts";
import { type AppOptions, secretCallerOf } from "./auth.ts";
import { operation } from "./operation.ts";
import { withIsoTime } from "./time.ts";

/** One recorded event. `data` holds request, answer, run log, host calls and timings, secrets masked. */
export const EventAnswer = v.object({
  status: v.literal("success"),
  event: v.object({
    id: v.string(),
    environmentId: v.string(),
    type: v.string(),
    status: v.string(),
    identifier: v.nullable(v.string()),
    offeringId: v.nullable(v.string()),
    createdAt: v.pipe(v.string(), v.isoTimestamp()),
    data: Json,
  }),
});

/** `GET /api/v1/events/{eventId}`, with a secret key. */
export function events(engine: Engine, options: AppOptions): Hono {
  const describe = operation({
    tag: "Events",
    summary: "One event by its id",
    security: "key",
    answers: { 200: EventAnswer },
    errors: [401, 403, 404],
  });
  return new Hono().get("/:eventId", describeRoute(describe), async (c) => {
    const { environment } = await secretCallerOf(c, engine, options);
    return c.json(await eventAnswer(engine, environment.id, c.req.param("eventId")));
  });
}

/** Finds an event, also one that is still on its way to the database. Throws `event_not_found`. */
export async function eventAnswer(
  engine: Engine,
  environmentId: string,
  eventId: string,
): Promise<v.InferOutput<typeof EventAnswer>> {
  await engine.events.flush();
  const event = await findEvent(engine.storage, environmentId, eventId);
  if (event === undefined) throw new ScripError("event_not_found", `No event ${eventId} in this environment`);
  return { status: "success", event: withIsoTime(event) };
}
