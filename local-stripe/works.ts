import { createAlarm } from "./alarm.ts";
import type { Context } from "./context.ts";
import { createCourier } from "./courier.ts";
import { applyDue } from "./due.ts";

/** What goes on by itself. */
export interface Works {
  /** Resolves when nothing is due and no delivery is under way. */
  settled(): Promise<void>;
  /** Ends all of it, and leaves no timer. */
  stop(): void;
}

/** How events are sent. */
export interface WorksOptions {
  deliver?: typeof fetch;
  webhookRetryMs?: readonly number[];
}

/** Like Stripe's schedule, but sooner at first: somebody is waiting. */
const developmentRetryMs = [500, 2000, 5000, 15_000, 60_000, 300_000, ...Array.from({ length: 72 }, () => 3_600_000)];

/** Starts what goes on by itself: due work by the clock, and deliveries after every transaction and when one is due. */
export function startWorks(
  context: Context,
  { deliver = fetch, webhookRetryMs = developmentRetryMs }: WorksOptions,
): Works {
  const { store, clock, chaos } = context;
  let stopped = false;
  let woken = false;
  const ring = () => {
    if (!stopped) {
      applyDue(context);
      courier.run();
      setAlarm();
    }
  };
  const alarm = createAlarm(clock.nowMs, ring);
  const setAlarm = () => {
    const due = (store.nextDue() ?? Infinity) * 1000;
    const next = Math.min(due, store.nextDelivery(clock.nowMs()) ?? Infinity);
    alarm.set(stopped || next === Infinity ? undefined : next);
  };
  const courier = createCourier({ store, clock, chaos, deliver, retryMs: webhookRetryMs, changed: setAlarm });
  const wake = () => {
    woken = false;
    ring();
  };
  store.afterTransactions(() => {
    if (!woken) {
      woken = true;
      setImmediate(wake);
    }
  });
  setImmediate(ring);
  return {
    settled: async () => {
      applyDue(context);
      await courier.settled();
    },
    stop: () => {
      stopped = true;
      alarm.set(undefined);
      courier.stop();
    },
  };
}
