import type { Purchase, StripeEventRef } from "./settling.ts";
import type { SessionState } from "./truth.ts";

/** What is known of a session now: its purchase as it is stored, and its state at Stripe. Null for one that is not ours. */
export type Fulfilled = { purchase: Purchase; state: SessionState } | null;

/** An event of Stripe that a fulfilment is to count as handled. `failed`: it tells of a delayed payment that failed. */
export type ToldEvent = StripeEventRef & { failed: boolean };
