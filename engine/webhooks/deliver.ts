import { and, eq } from "drizzle-orm";
import { webhookDeliveries, webhookEndpoints, webhookMessages } from "../../schemas/webhook-tables.ts";
import type { Engine } from "../engine.ts";
import { type Claimed, claimDue } from "./claim.ts";
import { secretsOf } from "./endpoints.ts";
import { recordAttempt } from "./record.ts";
import { type AttemptResult, send } from "./send.ts";
import { signedHeaders } from "./sign.ts";

/** Sends what is due, in this process, until it is closed. */
export type WebhookSender = {
  /** Looks whether something is due. Never waits and never throws; call it as often as you like. */
  wake(): void;
  /** Begins no more attempts, and resolves when those under way are recorded. */
  close(): Promise<void>;
};

/**
 * Makes the sender of one process. It looks when `engine.webhookBell` rings and when it is woken: wake it once a
 * second, for what was told by another process and for what is tried again. Its failures are told to `onFault`; what
 * it had in hand then is sent again after its lease.
 */
export function createWebhookSender(engine: Engine): WebhookSender {
  const { wake, stop, idle } = createDrain(engine);
  const leave = engine.webhookBell.listen(wake);
  return {
    wake,
    async close() {
      leave();
      stop();
      await idle();
    },
  };
}

/** Sends everything that is due now, and resolves with how many attempts were made when all of them are recorded. */
export async function deliverDue(engine: Engine): Promise<number> {
  const { wake, idle, attempts } = createDrain(engine);
  wake();
  await idle();
  return attempts();
}

function createDrain(engine: Engine) {
  const underWay = new Set<Promise<void>>();
  const countOf = new Map<string, number>();
  let attempts = 0;
  let stopped = false;
  let wanted = false;
  let claiming: Promise<void> | undefined;

  const count = (endpointId: string, change: number) => {
    const now = (countOf.get(endpointId) ?? 0) + change;
    if (now === 0) countOf.delete(endpointId);
    else countOf.set(endpointId, now);
  };
  const start = (claimed: Claimed) => {
    attempts += 1;
    count(claimed.endpointId, 1);
    const one = deliver(engine, claimed)
      .catch((fault: unknown) => engine.onFault(fault, `webhook ${claimed.messageId} will be tried again`))
      .finally(() => {
        count(claimed.endpointId, -1);
        underWay.delete(one);
        wake();
      });
    underWay.add(one);
  };
  const claim = async () => {
    while (wanted && !stopped) {
      wanted = false;
      for (const claimed of await claimDue(engine, countOf)) start(claimed);
    }
  };
  const wake = () => {
    wanted = true;
    if (stopped || claiming !== undefined) return;
    claiming = claim()
      .catch((fault: unknown) => engine.onFault(fault, "due webhooks could not be read"))
      .finally(() => {
        claiming = undefined;
        // woken after the last look, before it was over
        if (wanted) wake();
      });
  };
  const idle = async () => {
    while (claiming !== undefined || underWay.size > 0) await Promise.all([claiming, ...underWay]);
  };
  const stop = () => {
    stopped = true;
  };
  return { wake, stop, idle, attempts: () => attempts };
}

/** One attempt of a claimed delivery. */
async function deliver(engine: Engine, claimed: Claimed): Promise<void> {
  const atMs = engine.now();
  const found = await load(engine, claimed);
  if (found === undefined || found.endpoint.disabledAt !== null) {
    return recordAttempt(engine, claimed, withdrawn, atMs);
  }
  const { endpoint, payload } = found;
  const secrets = await secretsOf(engine, endpoint, atMs);
  const body = JSON.stringify(payload);
  const headers = signedHeaders(secrets, { id: claimed.messageId, body, atMs });
  const result = await send(engine, { url: endpoint.url, headers, body, secrets });
  await recordAttempt(engine, claimed, result, atMs);
}

/** The endpoint was disabled after it was told, or the message is no longer kept. */
const withdrawn: AttemptResult = { status: null, error: "withdrawn", said: "", retryAfterMs: null, durationMs: 0 };

async function load({ storage }: Engine, { messageId, endpointId }: Claimed) {
  const [found] = await storage.db
    .select({ endpoint: webhookEndpoints, payload: webhookMessages.payload })
    .from(webhookDeliveries)
    .innerJoin(webhookMessages, eq(webhookMessages.id, webhookDeliveries.messageId))
    .innerJoin(webhookEndpoints, eq(webhookEndpoints.id, webhookDeliveries.endpointId))
    .where(and(eq(webhookDeliveries.messageId, messageId), eq(webhookDeliveries.endpointId, endpointId)));
  return found;
}
