import { createRandom } from "./random.ts";

/** Faults on demand: each a probability from 0 to 1 where nothing else is said, 0 when left out. */
export interface ChaosOptions {
  /** The same seed and the same requests give the same faults. */
  seed?: number | undefined;
  webhooks?: WebhookFaults | undefined;
  api?: ApiFaults | undefined;
}

/** What can happen to an event on its way. */
export interface WebhookFaults {
  /** An attempt is lost by the network; the next one comes by schedule. */
  drop?: number | undefined;
  /** An event is never sent at all. */
  dropForever?: number | undefined;
  /** An event is delivered twice. */
  duplicate?: number | undefined;
  /** The first attempt is due this much later, between the two. */
  delayMs?: readonly [number, number] | undefined;
  /** Up to three later events overtake this one. */
  reorder?: number | undefined;
}

/** What can happen to a request of the API, in this order. */
export interface ApiFaults {
  /** The connection is cut, nothing was done. */
  dropBeforeWork?: number | undefined;
  /** "Too many requests", nothing was done. */
  error429?: number | undefined;
  /** Stripe's own fault, nothing was done, and no answer is kept under the idempotency key. */
  error500?: number | undefined;
  /** The work is done and the answer kept, then the connection is cut. */
  timeoutAfterWork?: number | undefined;
}

/** What is to become of a request. */
export type ApiFate = keyof ApiFaults | "answered";

/** The faults in force, and their dice. */
export interface Chaos {
  /** Replaces all faults, and starts the dice anew. */
  set(options: ChaosOptions): void;
  apiFate(): ApiFate;
  /** What becomes of an event for one endpoint: how many times it is delivered, and how late. */
  webhookFate(): { copies: 0 | 1 | 2; delayMs: number };
  /** Whether the network loses this attempt. */
  losesAttempt(): boolean;
  /** How many later events overtake this one. */
  overtakenBy(): number;
}

/** No faults, until some are set. */
export function createChaos(options: ChaosOptions = {}): Chaos {
  let faults = options;
  let dice = diceOf(options);
  const fate = (probability: number | undefined, random: () => number) =>
    probability !== undefined && probability > 0 && random() < probability;
  return {
    set: (next) => {
      faults = next;
      dice = diceOf(next);
    },
    apiFate: () => apiFates.find((name) => fate(faults.api?.[name], dice.api)) ?? "answered",
    webhookFate: () => {
      const { dropForever, duplicate, delayMs: [least, most] = [0, 0] } = faults.webhooks ?? {};
      if (fate(dropForever, dice.webhooks)) {
        return { copies: 0, delayMs: 0 };
      }
      const delayMs = most === 0 ? 0 : Math.round(least + (most - least) * dice.webhooks());
      return { copies: fate(duplicate, dice.webhooks) ? 2 : 1, delayMs };
    },
    losesAttempt: () => fate(faults.webhooks?.drop, dice.attempts),
    overtakenBy: () => (fate(faults.webhooks?.reorder, dice.order) ? 1 + Math.floor(dice.order() * 3) : 0),
  };
}

const apiFates = ["dropBeforeWork", "error429", "error500", "timeoutAfterWork"] as const;

/** Dice of their own for each sort of fault: how often one is thrown does not change what the others show. */
function diceOf({ seed = 1 }: ChaosOptions) {
  return {
    api: createRandom(seed),
    webhooks: createRandom(seed + 1),
    attempts: createRandom(seed + 2),
    order: createRandom(seed + 3),
  };
}
