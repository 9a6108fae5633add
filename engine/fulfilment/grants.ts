import type { Plan } from "../../schemas/config.ts";
import { entitlements } from "../../schemas/sales-tables.ts";
import type { CompiledConfig } from "../config/compiled.ts";
import { newId } from "../digest.ts";
import { endOf } from "../duration.ts";
import type { Holders } from "../holders.ts";
import type { Database } from "../storage.ts";
import type { WebhookBell } from "../webhooks/bell.ts";

/** An entitlement as it is stored. */
export type Entitlement = typeof entitlements.$inferSelect;

/** A plan with its own id and its products', at the version that it was sold at. */
export type SoldPlan = { id: string; plan: Plan; products: { id: string; slug: string; name: string }[] };

/** The plan of an id in a configuration, whether or not an offer still has it. */
export function soldPlan({ config, planIds, productIds }: CompiledConfig, planId: string): SoldPlan | undefined {
  const plan = config.plans.find(({ slug }) => planIds.get(slug) === planId);
  if (plan === undefined) return undefined;
  const products = plan.products.map((slug) => {
    const id = productIds.get(slug) ?? "";
    return { id, slug, name: config.products.find((product) => product.slug === slug)?.name ?? slug };
  });
  return { id: planId, plan, products };
}

/** Who gets what, and why. `period` is given where Stripe bills another one than the plan's duration from now. */
export type Grant = {
  environmentId: string;
  identifier: string;
  guest: string | null;
  memberId: string;
  plan: SoldPlan;
  cause: string;
  offerId: string | null;
  offeringId: string | null;
  purchaseId: string | null;
  paymentIntentId: string | null;
  startMs: number;
  /** The earliest that it may end, where the plan has a duration at all. */
  paidUntilMs?: number;
  /** The end, whatever the plan's duration is. */
  exactlyUntilMs?: number;
  nowMs: number;
};

/**
 * One entitlement for each product of a plan, beside whatever is there already (Allegro, "How Plans Create
 * Entitlements"): what is to be written for a grant.
 */
export function entitlementsOf(grant: Grant): Entitlement[] {
  const { plan, startMs, paidUntilMs = 0, exactlyUntilMs, nowMs, ...rest } = grant;
  const end = endOf(startMs, plan.plan.duration);
  const endedAt = exactlyUntilMs ?? (end === null ? null : Math.max(end, paidUntilMs));
  return plan.products.map(({ id: productId }) => ({
    ...rest,
    id: newId("ent", nowMs),
    planId: plan.id,
    productId,
    reason: null,
    startedAt: startMs,
    endedAt,
    revokedAt: null,
    revokedBecause: null,
    revokedReason: null,
    createdAt: nowMs,
  }));
}

/** Grants, and gives what was granted: the same cause grants once, and what it granted before is not given again. */
export async function grant(tx: Database, grant: Grant): Promise<Entitlement[]> {
  return tx.insert(entitlements).values(entitlementsOf(grant)).onConflictDoNothing().returning();
}

/** After the commit: who holds something now is known to this process at once, and the webhooks go out. */
export function noteGrants(
  { holders, webhookBell }: { holders: Holders; webhookBell: WebhookBell },
  granted: readonly Entitlement[],
): void {
  for (const { environmentId, identifier, guest } of granted) {
    holders.note(environmentId, identifier);
    if (guest !== null) holders.note(environmentId, guest);
  }
  webhookBell.ring();
}
