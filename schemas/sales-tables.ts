import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { JsonObject } from "./json.ts";

/** From a payment to access. All times are milliseconds since the epoch, UTC. */

/**
 * A Checkout Session of ours. Written as `pending` before anybody learns of the session, so that no buyer can pay for
 * what is not known. `identityKey` is who began it; `guest` names the session of an anonymous buyer's browser.
 */
export const purchases = sqliteTable(
  "purchases",
  {
    id: text().primaryKey(),
    environmentId: text("environment_id").notNull(),
    offeringId: text("offering_id").notNull(),
    identityKey: text("identity_key").notNull(),
    attempt: integer().notNull(),
    offerId: text("offer_id").notNull(),
    planId: text("plan_id"),
    offerVersion: integer("offer_version").notNull(),
    accountId: text("account_id").notNull(),
    sessionId: text("session_id").notNull(),
    sessionExpiresAt: integer("session_expires_at"),
    status: text({ enum: ["pending", "completed", "failed", "expired", "refunded", "disputed"] }).notNull(),
    /** Complete at Stripe, and the money is on its way (delayed payment methods). */
    awaitingPayment: integer("awaiting_payment", { mode: "boolean" }).notNull().default(false),
    guest: text(),
    memberId: text("member_id"),
    /** Where the buyer's browser goes afterwards; null where the workflow chose that itself. */
    returnUrl: text("return_url"),
    /** SHA-256 of the secret in the return address. */
    returnKeyHash: text("return_key_hash"),
    paymentIntentId: text("payment_intent_id"),
    subscriptionId: text("subscription_id"),
    /** What its plan said when it was paid for: whether a refund or a lost dispute takes access back. */
    onRefund: text("on_refund", { enum: ["revoke", "keep"] }),
    amountMinor: integer("amount_minor"),
    currency: text(),
    createdAt: integer("created_at").notNull(),
    completedAt: integer("completed_at"),
    /** When Stripe was last asked about it by the reconciling task. */
    askedAt: integer("asked_at"),
  },
  (t) => [
    uniqueIndex("purchases_by_session").on(t.sessionId, t.accountId, t.environmentId),
    index("purchases_by_redemption").on(t.environmentId, t.offeringId, t.identityKey),
    // what most rows do not have, or have no longer, costs them nothing
    index("purchases_by_payment_intent").on(t.paymentIntentId).where(sql`payment_intent_id is not null`),
    index("purchases_by_subscription").on(t.subscriptionId).where(sql`subscription_id is not null`),
    index("purchases_pending").on(t.environmentId, t.createdAt).where(sql`status = 'pending'`),
    index("purchases_awaiting_payment").on(t.environmentId, t.identityKey).where(sql`awaiting_payment = 1`),
    index("purchases_by_member").on(t.memberId).where(sql`member_id is not null`),
    index("purchases_by_time").on(t.environmentId, t.createdAt),
  ],
);

/**
 * A payment and what became of it, by its PaymentIntent. A refund or dispute may be heard of before the purchase that it
 * undoes: the row is there first, and the purchase meets it.
 */
export const payments = sqliteTable(
  "payments",
  {
    environmentId: text("environment_id").notNull(),
    accountId: text("account_id").notNull(),
    paymentIntentId: text("payment_intent_id").notNull(),
    refundedAt: integer("refunded_at"),
    disputedAt: integer("disputed_at"),
    /** Grows with every answer of Stripe's that was written: an older answer must not follow a newer one. */
    revision: integer().notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.environmentId, t.accountId, t.paymentIntentId] })],
);

/**
 * Access to one product. Active while started, not ended and not revoked. `identifier` is its member's; `guest` is the
 * browser session of an anonymous buyer that may use it too. `cause` says what granted it, once for each product:
 * `purchase:<id>`, `invoice:<id>`, `period:<subscription>:<start>`, `trial:<subscription>:<end>`,
 * `redemption:<offering>:<identity>`, `workflow:<offering>:<number>:<identity>`, `manual:<id>`.
 */
export const entitlements = sqliteTable(
  "entitlements",
  {
    id: text().primaryKey(),
    environmentId: text("environment_id").notNull(),
    identifier: text().notNull(),
    guest: text(),
    memberId: text("member_id"),
    productId: text("product_id").notNull(),
    planId: text("plan_id"),
    offerId: text("offer_id"),
    offeringId: text("offering_id"),
    purchaseId: text("purchase_id"),
    /** The payment of a renewal; what the purchase itself granted was paid for by the purchase's. */
    paymentIntentId: text("payment_intent_id"),
    cause: text().notNull(),
    /** Why an operator or a workflow granted it. */
    reason: text(),
    startedAt: integer("started_at").notNull(),
    endedAt: integer("ended_at"),
    revokedAt: integer("revoked_at"),
    revokedBecause: text("revoked_because", { enum: ["refund", "dispute", "subscription", "operator"] }),
    /** An operator's own words. */
    revokedReason: text("revoked_reason"),
    createdAt: integer("created_at").notNull(),
  },
  (t) => [
    uniqueIndex("entitlements_by_cause").on(t.environmentId, t.cause, t.productId),
    index("entitlements_by_identifier").on(t.environmentId, t.identifier),
    index("entitlements_by_guest").on(t.environmentId, t.guest).where(sql`guest is not null`),
    index("entitlements_by_purchase").on(t.environmentId, t.purchaseId),
    index("entitlements_by_payment").on(t.environmentId, t.paymentIntentId).where(sql`payment_intent_id is not null`),
  ],
);

/** Somebody who holds or held something. `email` is set only where it is known to be theirs, and finds one member at most. */
export const members = sqliteTable(
  "members",
  {
    id: text().primaryKey(),
    environmentId: text("environment_id").notNull(),
    identifier: text().notNull(),
    email: text(),
    createdAt: integer("created_at").notNull(),
  },
  (t) => [
    uniqueIndex("members_by_identifier").on(t.environmentId, t.identifier),
    uniqueIndex("members_by_email").on(t.environmentId, t.email),
    index("members_by_time").on(t.environmentId, t.createdAt),
  ],
);

/** A member's history. `subject` is what an event is about: one event of a type for each. */
export const memberEvents = sqliteTable(
  "member_events",
  {
    id: text().primaryKey(),
    environmentId: text("environment_id").notNull(),
    memberId: text("member_id").notNull(),
    type: text({
      enum: [
        "purchase",
        "redemption",
        "renewal",
        "refund",
        "dispute",
        "dispute-won",
        "subscription-ended",
        "subscription-resumed",
        "grant",
        "revocation",
      ],
    }).notNull(),
    subject: text().notNull(),
    data: text({ mode: "json" }).$type<JsonObject>().notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (t) => [
    uniqueIndex("member_events_by_subject").on(t.environmentId, t.type, t.subject),
    index("member_events_by_member").on(t.environmentId, t.memberId, t.createdAt),
  ],
);

/** Events of Stripe that were handled, each once. */
export const stripeEvents = sqliteTable(
  "stripe_events",
  {
    environmentId: text("environment_id").notNull(),
    accountId: text("account_id").notNull(),
    eventId: text("event_id").notNull(),
    type: text().notNull(),
    handledAt: integer("handled_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.environmentId, t.accountId, t.eventId] })],
);

/** Up to when an account's events were read from Stripe, beside those that came by webhook. */
export const stripeCursors = sqliteTable(
  "stripe_cursors",
  {
    environmentId: text("environment_id").notNull(),
    accountId: text("account_id").notNull(),
    readUntil: integer("read_until").notNull(),
  },
  (t) => [primaryKey({ columns: [t.environmentId, t.accountId] })],
);

/** One-time tokens that a buyer's return exchanges for a session, as SHA-256 hashes. */
export const purchaseTokens = sqliteTable(
  "purchase_tokens",
  {
    hash: text().primaryKey(),
    environmentId: text("environment_id").notNull(),
    purchaseId: text("purchase_id").notNull(),
    expiresAt: integer("expires_at").notNull(),
    usedAt: integer("used_at"),
    /** SHA-256 of the word of whoever used it: for them alone it works again, because an answer may be lost. */
    usedBy: text("used_by"),
  },
  (t) => [index("purchase_tokens_by_expiry").on(t.expiresAt)],
);

/** A member's or guest's session in a browser, which gets fresh member JWTs until it ends. `refreshHash` is a SHA-256. */
export const memberSessions = sqliteTable(
  "member_sessions",
  {
    id: text().primaryKey(),
    environmentId: text("environment_id").notNull(),
    identifier: text().notNull(),
    refreshHash: text("refresh_hash").notNull(),
    createdAt: integer("created_at").notNull(),
    expiresAt: integer("expires_at").notNull(),
    revokedAt: integer("revoked_at"),
  },
  (t) => [
    uniqueIndex("member_sessions_by_refresh").on(t.refreshHash),
    index("member_sessions_by_expiry").on(t.expiresAt),
    index("member_sessions_by_identifier").on(t.environmentId, t.identifier),
  ],
);

/**
 * Keys that sign member JWTs. A key is published at once, signs from `signsFrom` until the next one does, and is published
 * until `publishedUntil`, when nothing that it signed can be valid any more.
 */
export const memberKeys = sqliteTable("member_keys", {
  kid: text().primaryKey(),
  privateJwkSealed: text("private_jwk_sealed").notNull(),
  publicJwk: text("public_jwk", { mode: "json" }).$type<JsonObject>().notNull(),
  createdAt: integer("created_at").notNull(),
  signsFrom: integer("signs_from").notNull(),
  publishedUntil: integer("published_until"),
});
