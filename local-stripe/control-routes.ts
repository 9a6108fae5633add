import type { Hono, Context as HonoContext } from "hono";
import * as v from "valibot";
import { authenticate } from "./auth.ts";
import type { Controls } from "./controls.ts";
import { errorJson, invalid, StripeRefusal } from "./errors.ts";
import { eventTypes } from "./events.ts";

/** The controls, and waiting for deliveries. */
export type RoutedControls = Controls & { settled(): Promise<void> };

/**
 * The controls for other processes: `POST /_control/…` with a body of JSON, and a secret key as the API wants it.
 * Answers are JSON, refusals Stripe's error object.
 */
export function addControlRoutes(app: Hono, controls: RoutedControls, secretKeys: readonly string[]): void {
  app.get("/_control/deliveries", (c) => guarded(c, secretKeys, () => ({ deliveries: controls.deliveries() })));
  for (const route of routes) {
    app.post(`/_control${route.path}`, (c) =>
      guarded(c, secretKeys, async () => {
        const run = route.prepare(await bodyOf(c));
        const result = await run(controls, c.req.param("id") ?? "");
        return typeof result === "object" && result !== null ? result : { done: true };
      }),
    );
  }
}

interface ControlRoute {
  path: string;
  /** Reads the body and gives what remains to be done. */
  prepare(body: unknown): (controls: RoutedControls, id: string) => unknown;
}

function route<Schema extends v.GenericSchema>(
  path: string,
  schema: Schema,
  run: (controls: RoutedControls, body: v.InferOutput<Schema>, id: string) => unknown,
): ControlRoute {
  return {
    path,
    prepare: (body) => {
      const read = v.safeParse(schema, body);
      if (!read.success) {
        throw invalid(`Invalid body: ${v.summarize(read.issues)}`);
      }
      return (controls, id) => run(controls, read.output, id);
    },
  };
}

const nothing = v.strictObject({});
const chance = v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1)));
const milliseconds = v.pipe(v.number(), v.minValue(0));

const chaos = v.strictObject({
  seed: v.optional(v.number()),
  webhooks: v.optional(
    v.strictObject({
      drop: chance,
      dropForever: chance,
      duplicate: chance,
      delayMs: v.optional(v.tuple([milliseconds, milliseconds])),
      reorder: chance,
    }),
  ),
  api: v.optional(
    v.strictObject({ dropBeforeWork: chance, error429: chance, error500: chance, timeoutAfterWork: chance }),
  ),
});

const buyer = v.strictObject({
  email: v.string(),
  name: v.optional(v.string()),
  method: v.optional(v.picklist(["card", "delayed"])),
});

const endpoint = v.strictObject({
  url: v.pipe(v.string(), v.url()),
  secret: v.pipe(v.string(), v.nonEmpty()),
  enabledEvents: v.optional(v.array(v.picklist(["*", ...eventTypes]))),
});

const dispute = v.strictObject({
  id: v.string(),
  status: v.optional(v.picklist(["needs_response", "warning_needs_response"])),
  reason: v.optional(v.string()),
});

const outcome = v.strictObject({ outcome: v.picklist(["succeeded", "failed"]) });
const closing = v.strictObject({ status: v.picklist(["won", "lost", "warning_closed"]) });

const routes: ControlRoute[] = [
  route("/sessions/:id/pay", buyer, (controls, body, id) => controls.pay(id, body)),
  route("/sessions/:id/expire", nothing, (controls, _, id) => controls.expire(id)),
  route("/sessions/:id/settle", outcome, (controls, body, id) => controls.settleDelayedPayment(id, body.outcome)),
  route("/payment_intents/:id/settle", outcome, (controls, { outcome }, id) =>
    controls.settleDelayedPayment(id, outcome),
  ),
  route("/disputes", dispute, (controls, { id, status, reason }) =>
    controls.disputeCharge(id, { ...(status && { status }), ...(reason && { reason }) }),
  ),
  route("/disputes/:id/close", closing, (controls, body, id) => controls.closeDispute(id, body.status)),
  route("/customers/:id/fail_payments", v.strictObject({ failing: v.optional(v.boolean()) }), (controls, body, id) =>
    controls.failPayments(id, body.failing),
  ),
  route("/advance_clock", v.strictObject({ ms: milliseconds }), (controls, { ms }) => ({
    now: controls.advanceClock(ms),
  })),
  route("/tick", nothing, (controls) => controls.tick()),
  route("/settled", nothing, (controls) => controls.settled()),
  route("/chaos", chaos, (controls, body) => controls.chaos(body)),
  route("/webhook_endpoints", endpoint, (controls, body) => controls.addWebhookEndpoint(body)),
];

async function bodyOf(c: HonoContext): Promise<unknown> {
  const text = await c.req.text();
  try {
    return text === "" ? {} : JSON.parse(text);
  } catch {
    throw invalid("Invalid body: it is not JSON.");
  }
}

async function guarded(
  c: HonoContext,
  secretKeys: readonly string[],
  work: () => object | Promise<object>,
): Promise<Response> {
  try {
    authenticate(c.req.header("authorization"), secretKeys);
    return c.json(await work());
  } catch (error) {
    if (error instanceof StripeRefusal) {
      return c.json(errorJson(error), error.status);
    }
    throw error;
  }
}
