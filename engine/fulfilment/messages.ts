import { eq } from "drizzle-orm";
import { members, type purchases } from "../../schemas/sales-tables.ts";
import { namesIn } from "../catalogue.ts";
import { showEntitlement } from "../entitlements.ts";
import type { Environment } from "../environments.ts";
import type { Database } from "../storage.ts";
import { tell, type WebhookMessage } from "../webhooks/outbox.ts";
import type { Entitlement } from "./grants.ts";
import type { Member } from "./members.ts";

/** Why entitlements changed: the words of a member's history. */
export type Cause =
  | "purchase"
  | "redemption"
  | "renewal"
  | "refund"
  | "dispute"
  | "dispute-won"
  | "subscription-ended"
  | "subscription-resumed"
  | "grant"
  | "revocation";

/** What there is to tell of a change: the purchase, where its status changed, and the entitlements as they are now. */
export type Announcement = {
  purchase: typeof purchases.$inferSelect | null;
  memberId: string;
  newMember?: Member | null;
  changed: readonly Entitlement[];
  cause: Cause;
  reason?: string | null;
  nowMs: number;
};

/** Tells the environment's webhooks, inside the transaction of the change. No statement where nobody listens. */
export async function announce(tx: Database, environment: Environment, about: Announcement): Promise<void> {
  if (environment.webhookEndpoints.length === 0) return;
  const member = about.newMember ?? (await memberOf(tx, about.memberId));
  if (member === undefined) throw new Error(`there is no member ${about.memberId}`);
  await tell(tx, environment, messagesOf(environment, about, member), about.nowMs);
}

function messagesOf(environment: Environment, about: Announcement, member: Member): WebhookMessage[] {
  const { purchase, newMember, changed, cause, reason = null, nowMs } = about;
  const who = { id: member.id, identifier: member.identifier, email: member.email };
  const messages: WebhookMessage[] = [];
  const names = namesIn(environment.compiled);
  const catalogue = (id: string) => names.get(id) ?? { id, slug: id, name: id };
  if (newMember) messages.push({ type: "member.created", data: { member: who } });
  if (purchase !== null && (cause === "purchase" || cause === "refund")) {
    const { id, status, offerId, planId, offeringId, amountMinor, currency } = purchase;
    const type = cause === "purchase" ? "purchase.completed" : "purchase.refunded";
    const shown = { id, status, offerId, planId, offeringId, amountMinor, currency };
    messages.push({ type, data: { purchase: shown, member: who } });
  }
  for (const entitlement of changed) {
    const type = entitlement.revokedAt === null ? "entitlement.granted" : "entitlement.revoked";
    const shown = showEntitlement(entitlement, catalogue, nowMs, nowMs);
    const data = { entitlement: shown, member: who, cause, reason };
    messages.push({ type, data });
  }
  return messages;
}

async function memberOf(tx: Database, id: string): Promise<Member | undefined> {
  const [member] = await tx.select().from(members).where(eq(members.id, id));
  return member;
}
