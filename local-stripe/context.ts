import type { Store } from "./store.ts";

/** What every endpoint and page works with. */
export interface Context {
  store: Store;
  /** Unix seconds. */
  nowSeconds: () => number;
  /** Where the hosted pages are reached: an origin, without a slash at its end. */
  publicUrl: () => string;
}
