import type { Chaos } from "./chaos.ts";
import type { Clock } from "./clock.ts";
import type { DueDelivery } from "./outbox.ts";
import type { Store } from "./store.ts";
import { sendWebhook } from "./webhook.ts";

/** Takes events to where they are to go (Stripe docs, "Webhooks": "Retry behavior"). */
export interface Courier {
  /** Starts every delivery that is due, as far as there is room. */
  run(): void;
  /** Resolves when nothing is due and nothing under way. */
  settled(): Promise<void>;
  /** Breaks off what is under way; it stays due. */
  stop(): void;
}

/** What a courier works with. */
export interface CourierParts {
  store: Store;
  clock: Clock;
  chaos: Chaos;
  /** Sends a request. */
  deliver: typeof fetch;
  /** How long after each failed attempt the next one comes; after the last of them there is none. */
  retryMs: readonly number[];
  /** Called after each attempt: what is due next may have changed. */
  changed: () => void;
}

/** How many deliveries are under way at once. */
const places = 16;

interface State {
  parts: CourierParts;
  busy: Map<number, Promise<void>>;
  /** Deliveries that let others overtake them, and how many still. */
  held: Map<number, number>;
  /** Deliveries whose place in the order has been decided. */
  ordered: Set<number>;
  stopping: AbortController;
}

/** A courier at rest. */
export function createCourier(parts: CourierParts): Courier {
  const state: State = {
    parts,
    busy: new Map(),
    held: new Map(),
    ordered: new Set(),
    stopping: new AbortController(),
  };
  return {
    run: () => run(state),
    settled: async () => {
      run(state);
      while (state.busy.size > 0) {
        await Promise.race(state.busy.values());
        run(state);
      }
    },
    stop: () => state.stopping.abort(),
  };
}

function run(state: State): void {
  const room = places - state.busy.size;
  if (room <= 0 || state.stopping.signal.aborted) {
    return;
  }
  for (const delivery of ready(state).slice(0, room)) {
    state.held.delete(delivery.seq);
    state.busy.set(delivery.seq, attempt(state, delivery));
  }
}

/** What is due and not held back; when there is nothing else at all, what is held back too. */
function ready({ parts, busy, held, ordered }: State): DueDelivery[] {
  const due = parts.store
    .dueDeliveries(parts.clock.nowMs(), places + busy.size + held.size)
    .filter(({ seq }) => !busy.has(seq));
  for (const { seq } of due.filter((delivery) => !ordered.has(delivery.seq))) {
    ordered.add(seq);
    const count = parts.chaos.overtakenBy();
    if (count > 0) {
      held.set(seq, count);
    }
  }
  const free = due.filter(({ seq }) => !held.has(seq));
  return free.length === 0 && busy.size === 0 ? due : free;
}

async function attempt(state: State, delivery: DueDelivery): Promise<void> {
  const { parts, stopping } = state;
  // the caller's transaction, and whatever it is in the middle of, come first
  await new Promise((resolve) => setImmediate(resolve));
  if (stopping.signal.aborted) {
    return;
  }
  const status = parts.chaos.losesAttempt() ? null : await sendWebhook(parts, delivery, stopping.signal);
  if (stopping.signal.aborted) {
    return;
  }
  record(state, delivery, status);
  state.busy.delete(delivery.seq);
  run(state);
  parts.changed();
}

function record({ parts, held, ordered }: State, { seq, attempts }: DueDelivery, status: number | null): void {
  for (const [other, count] of held) {
    if (count > 1) {
      held.set(other, count - 1);
    } else {
      held.delete(other);
    }
  }
  if (status !== null && status >= 200 && status < 300) {
    ordered.delete(seq);
    parts.store.recordAttempt(seq, { state: "delivered", lastStatus: status, dueAtMs: null });
    return;
  }
  const waitMs = parts.retryMs[attempts];
  const again = waitMs === undefined ? null : parts.clock.nowMs() + waitMs;
  parts.store.recordAttempt(seq, { state: again === null ? "failed" : "pending", lastStatus: status, dueAtMs: again });
}
