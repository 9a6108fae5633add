import type { Chaos } from "./chaos.ts";
import type { Clock } from "./clock.ts";
import type { Store } from "./store.ts";

/** What every endpoint and page works with. */
export interface Context {
  store: Store;
  clock: Clock;
  /** The time of what is being done, Unix seconds; for what is due by the clock that is when it was due. */
  nowSeconds: () => number;
  /** Where the hosted pages are reached: an origin, without a slash at its end. */
  publicUrl: () => string;
  /** The API request that is being answered; without an id for what happens by itself or on the page. */
  request: { id: string | null; idempotency_key: string | null };
  /** After how long a bank debit is settled by itself; null when that is for others to say. */
  delayedPaymentMs: number | null;
  chaos: Chaos;
}
