import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import * as v from "valibot";
import type { Engine } from "../engine/engine.ts";
import { expectStripeAccount, receiveStripeWebhook } from "../engine/stripe-webhooks.ts";
import type { AppOptions } from "./auth.ts";
import { readText } from "./body.ts";
import { header } from "./header.ts";
import { operation } from "./operation.ts";
import { clientOf, countFailure, failuresOf } from "./rate-limits.ts";

/** Stripe's events are some kilobytes; a large invoice is a few hundred. */
const webhookBodyBytes = 1024 * 1024;

/** What nobody's webhook ends in who is Stripe. */
const notOfStripe = ["webhook_signature_invalid", "account_not_found", "invalid_json", "body_too_large"] as const;

/** `POST /api/v1/webhooks/stripe/{accountId}`: what Stripe tells of payments. */
export function stripeWebhooks(engine: Engine, options: AppOptions): Hono {
  const about = operation({
    tag: "Payments",
    summary: "Receive a webhook of Stripe",
    description:
      "For Stripe alone: the body is signed (`Stripe-Signature`), at most five minutes off, and each event is handled " +
      "once. What cannot be handled now is answered with an error, and Stripe sends it again.",
    security: "none",
    answers: { 200: v.object({ status: v.literal("success") }) },
    errors: [400, 404, 413, 429, 503],
  });
  return new Hono().post("/:accountId", describeRoute(about), async (c) => {
    const accountId = c.req.param("accountId");
    const receive = async () => {
      await expectStripeAccount(engine, accountId);
      const body = await readText(c, webhookBodyBytes);
      await receiveStripeWebhook(engine, { accountId, body, signature: header(c, "stripe-signature") ?? "" });
    };
    // what Stripe has signed is taken however much of it comes
    await receive().catch((error: unknown) =>
      countFailure(engine, error, {
        codes: notOfStripe,
        failuresBy: () => failuresOf("webhook", clientOf(c, options)),
      }),
    );
    return c.json({ status: "success" });
  });
}
