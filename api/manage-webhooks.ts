import { type Context, Hono } from "hono";
import { describeRoute } from "hono-openapi";
import * as v from "valibot";
import type { Engine } from "../engine/engine.ts";
import { existingEnvironment } from "../engine/environments.ts";
import { ScripError } from "../engine/error.ts";
import { listDeliveries, retryDelivery } from "../engine/webhooks/deliveries.ts";
import {
  createEndpoint,
  deleteEndpoint,
  listEndpoints,
  pingEndpoint,
  rotateEndpointSecret,
  updateEndpoint,
} from "../engine/webhooks/endpoints.ts";
import { adminOf } from "./auth.ts";
import { manageBodyBytes, readBody } from "./body.ts";
import { type Body, bodyLike, operation } from "./operation.ts";
import {
  DeliveriesAnswer,
  DeliveriesQuery,
  Done,
  EndpointAnswer,
  EndpointChanges,
  EndpointsAnswer,
  NewEndpoint,
  PingAnswer,
  SecretAnswer,
  shownDelivery,
  shownEndpoint,
} from "./webhook-answers.ts";

type About = { body?: Body; answer?: v.GenericSchema; query?: Record<string, string>; errors?: number[] };

const manage = (summary: string, { body, answer = Done, query, errors = [401, 403, 404] }: About = {}) =>
  describeRoute(
    operation({
      tag: "Webhooks",
      summary,
      security: "admin",
      ...(body === undefined ? {} : { body }),
      ...(query === undefined ? {} : { query }),
      answers: { 200: answer },
      errors,
    }),
  );

const list = manage("The endpoints of outgoing webhooks", { answer: EndpointsAnswer });
const create = manage("Make an endpoint; its secret is shown once", {
  body: bodyLike(NewEndpoint, {
    url: "https://news.example.com/hooks",
    types: ["entitlement.granted", "entitlement.revoked"],
    description: "The newsletter's list",
  }),
  answer: SecretAnswer,
  errors: [400, 401, 403, 404, 409],
});
const update = manage("Change an endpoint, or disable or enable it", {
  body: bodyLike(EndpointChanges, { types: ["purchase.completed"], enabled: true }),
  answer: EndpointAnswer,
});
const remove = manage("Disable an endpoint for good");
const rotate = manage("Sign with a new secret, which is shown once; the old one signs too for 24 hours", {
  answer: SecretAnswer,
});
const ping = manage("Send a ping to an endpoint", { answer: PingAnswer });
const deliveries = manage("What was sent to an endpoint, newest first, with every attempt", {
  answer: DeliveriesAnswer,
  query: {
    status: "`pending`, `delivered` or `failed`; all of them when left out",
    cursor: "The `nextCursor` of the page before",
    limit: "At most so many, 1 to 100; 20 when left out",
  },
  errors: [400, 401, 403, 404],
});
const retry = manage("Send a message again, under the same id");

/** `…/webhook-endpoints`: where an environment's webhooks go, and what became of them. */
export function manageWebhooks(engine: Engine): Hono {
  const app = new Hono();
  app.get("/:environmentId/webhook-endpoints", list, async (c) => {
    await adminOf(c, engine, "viewer");
    const endpoints = await listEndpoints(engine, await environmentOf(c, engine));
    return c.json({ status: "success", endpoints: endpoints.map(shownEndpoint) });
  });
  app.post("/:environmentId/webhook-endpoints", create, async (c) => {
    await adminOf(c, engine, "publisher");
    const environmentId = await environmentOf(c, engine);
    const wishes = await readBody(c, NewEndpoint, manageBodyBytes);
    const { secret, ...endpoint } = await createEndpoint(engine, environmentId, wishes);
    return c.json({ status: "success", endpoint: shownEndpoint(endpoint), secret });
  });
  app.patch("/:environmentId/webhook-endpoints/:endpointId", update, async (c) => {
    await adminOf(c, engine, "publisher");
    const address = await addressOf(c, engine);
    const changes = await readBody(c, EndpointChanges, manageBodyBytes);
    return c.json({ status: "success", endpoint: shownEndpoint(await updateEndpoint(engine, address, changes)) });
  });
  app.delete("/:environmentId/webhook-endpoints/:endpointId", remove, async (c) => {
    await adminOf(c, engine, "publisher");
    await deleteEndpoint(engine, await addressOf(c, engine));
    return c.json({ status: "success" });
  });
  app.post("/:environmentId/webhook-endpoints/:endpointId/rotate-secret", rotate, async (c) => {
    await adminOf(c, engine, "publisher");
    const { secret, ...endpoint } = await rotateEndpointSecret(engine, await addressOf(c, engine));
    return c.json({ status: "success", endpoint: shownEndpoint(endpoint), secret });
  });
  addDeliveryRoutes(app, engine);
  return app;
}

function addDeliveryRoutes(app: Hono, engine: Engine): void {
  app.post("/:environmentId/webhook-endpoints/:endpointId/ping", ping, async (c) => {
    await adminOf(c, engine, "publisher");
    return c.json({ status: "success", messageId: await pingEndpoint(engine, await addressOf(c, engine)) });
  });
  app.get("/:environmentId/webhook-endpoints/:endpointId/deliveries", deliveries, async (c) => {
    await adminOf(c, engine, "viewer");
    const address = await addressOf(c, engine);
    const page = v.safeParse(DeliveriesQuery, c.req.query());
    if (!page.success) {
      const [first] = page.issues;
      throw new ScripError("invalid_body", `Invalid query at ${v.getDotPath(first) ?? "?"}: ${first.message}`);
    }
    const { deliveries, nextCursor } = await listDeliveries(engine, address, page.output);
    return c.json({ status: "success", deliveries: deliveries.map(shownDelivery), nextCursor });
  });
  app.post("/:environmentId/webhook-endpoints/:endpointId/deliveries/:messageId/retry", retry, async (c) => {
    await adminOf(c, engine, "publisher");
    await retryDelivery(engine, await addressOf(c, engine), c.req.param("messageId"));
    return c.json({ status: "success" });
  });
}

async function environmentOf(c: Context, engine: Engine): Promise<string> {
  const { id } = await existingEnvironment(engine.environments, c.req.param("environmentId") ?? "");
  return id;
}

async function addressOf(c: Context, engine: Engine) {
  return { environmentId: await environmentOf(c, engine), endpointId: c.req.param("endpointId") ?? "" };
}
