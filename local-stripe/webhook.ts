import { createHmac } from "node:crypto";
import type { Clock } from "./clock.ts";
import type { DueDelivery } from "./outbox.ts";

/**
 * Posts a signed event (Stripe docs, "Webhooks": "Verify webhook signatures"), its body in the layout Stripe gives it.
 * Returns the status of the answer, null when none came within ten seconds.
 */
export async function sendWebhook(
  { deliver, clock }: { deliver: typeof fetch; clock: Clock },
  { url, secret, body }: DueDelivery,
  stopped: AbortSignal,
): Promise<number | null> {
  const payload = JSON.stringify(JSON.parse(body), null, 2);
  const headers = {
    "content-type": "application/json; charset=utf-8",
    "cache-control": "no-cache",
    "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    "stripe-signature": signatureOf(payload, secret, Math.floor(clock.worldMs() / 1000)),
  };
  const limit = limitOf(stopped);
  try {
    const init = { method: "POST", headers, body: payload, redirect: "manual" as const, signal: limit.signal };
    return await Promise.race([answered(deliver(url, init)), limit.reached]);
  } catch {
    // refused, cut off, too slow: Stripe does not tell these apart, it tries again
    return null;
  } finally {
    limit.lift();
  }
}

/**
 * `t=…,v1=…`. The time is the world's: whoever checks the signature compares it with a clock that nobody has moved.
 */
export function signatureOf(payload: string, secret: string, seconds: number): string {
  return `t=${seconds},v1=${createHmac("sha256", secret).update(`${seconds}.${payload}`).digest("hex")}`;
}

const longestWaitMs = 10_000;

/** The status of an answer that has come to its end: the connection is free again then. */
async function answered(pending: Promise<Response>): Promise<number> {
  const response = await pending;
  await response.arrayBuffer();
  return response.status;
}

/** Ends after ten seconds or when `stopped` says so; a `deliver` that knows nothing of signals is left behind. */
function limitOf(stopped: AbortSignal) {
  const controller = new AbortController();
  const reached = Promise.withResolvers<never>();
  const end = () => {
    controller.abort();
    reached.reject(new Error("No answer in time"));
  };
  const timer = setTimeout(end, longestWaitMs).unref();
  stopped.addEventListener("abort", end, { once: true });
  return {
    signal: controller.signal,
    reached: reached.promise,
    lift: () => {
      clearTimeout(timer);
      stopped.removeEventListener("abort", end);
    },
  };
}
