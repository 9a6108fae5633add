import type { purchases } from "../../schemas/sales-tables.ts";
import type { CompiledConfig } from "../config/compiled.ts";
import type { Environment } from "../environments.ts";
import type { Entitlement, SoldPlan } from "./grants.ts";
import type { SessionTruth } from "./truth.ts";

/** A purchase as it is stored. */
export type Purchase = typeof purchases.$inferSelect;

/** An event of Stripe that led here; handled once. */
export type StripeEventRef = { id: string; type: string };

/** What a transaction needs to know of a session. `sold` is the configuration that the purchase was begun at. */
export type Settling = {
  environment: Environment;
  sold: CompiledConfig;
  purchase: Purchase;
  truth: SessionTruth;
  events: readonly StripeEventRef[];
  nowMs: number;
};

/** The same, where the session is paid for: with the plan that was sold, if it was one. */
export type PaidSettling = Settling & { plan: SoldPlan | null };

/** What a transaction did: the purchase, if it was this one that completed it, and what it granted. */
export type Settled = { completed: Purchase | null; granted: Entitlement[] };

/** What Stripe tells of a purchase, as it is stored. */
export function toldOf({ paymentIntentId, subscriptionId, amountMinor, currency }: SessionTruth) {
  return { paymentIntentId, subscriptionId, amountMinor, currency };
}
