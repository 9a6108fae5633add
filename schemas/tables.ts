import { blob, index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { JsonObject } from "./json.ts";

/** All times are milliseconds since the epoch, UTC. Columns that end in `_sealed` are encrypted by the vault. */

/** A tenant of configuration, keys and data. `revision` grows with every change that a running process must notice. */
export const environments = sqliteTable("environments", {
  id: text().primaryKey(),
  name: text().notNull(),
  revision: integer().notNull(),
  configVersion: integer("config_version").notNull(),
  createdAt: integer("created_at").notNull(),
});

/** Every applied configuration document, with its workflows compiled. Never changed, never deleted. */
export const environmentVersions = sqliteTable(
  "environment_versions",
  {
    environmentId: text("environment_id").notNull(),
    version: integer().notNull(),
    document: text({ mode: "json" }).$type<JsonObject>().notNull(),
    workflows: text({ mode: "json" }).$type<JsonObject>().notNull(),
    author: text().notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.environmentId, t.version] })],
);

/** Ids given to slugs, once and for good. */
export const entityIds = sqliteTable(
  "entity_ids",
  {
    environmentId: text("environment_id").notNull(),
    kind: text({ enum: ["product", "plan", "offer", "experience", "surface", "method", "feature"] }).notNull(),
    slug: text().notNull(),
    id: text().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.environmentId, t.kind, t.slug] }),
    uniqueIndex("entity_ids_by_id").on(t.environmentId, t.id),
  ],
);

/** Secret and public API keys, as SHA-256 hashes. */
export const apiKeys = sqliteTable(
  "api_keys",
  {
    id: text().primaryKey(),
    environmentId: text("environment_id").notNull(),
    kind: text({ enum: ["sk", "pk"] }).notNull(),
    hash: text().notNull(),
    label: text().notNull(),
    createdAt: integer("created_at").notNull(),
    revokedAt: integer("revoked_at"),
  },
  (t) => [index("api_keys_by_environment").on(t.environmentId)],
);

/** Tokens of the management API, as SHA-256 hashes. */
export const adminTokens = sqliteTable("admin_tokens", {
  hash: text().primaryKey(),
  label: text().notNull(),
  role: text({ enum: ["viewer", "editor", "publisher"] }).notNull(),
  createdAt: integer("created_at").notNull(),
  revokedAt: integer("revoked_at"),
});

/** What this database remembers of the servers that use it. `vault-check` is a sealed word that only the right master key opens. */
export const serverFacts = sqliteTable("server_facts", { name: text().primaryKey(), value: text().notNull() });

/** HS256 keys that sign offer tokens. The newest signs; those not past `verifyUntil` verify. */
export const signingKeys = sqliteTable(
  "signing_keys",
  {
    kid: text().primaryKey(),
    environmentId: text("environment_id").notNull(),
    secretSealed: text("secret_sealed").notNull(),
    createdAt: integer("created_at").notNull(),
    verifyUntil: integer("verify_until"),
  },
  (t) => [index("signing_keys_by_environment").on(t.environmentId)],
);

/** Stripe accounts that an environment sells through. */
export const stripeAccounts = sqliteTable(
  "stripe_accounts",
  {
    environmentId: text("environment_id").notNull(),
    accountId: text("account_id").notNull(),
    secretKeySealed: text("secret_key_sealed").notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.environmentId, t.accountId] }), index("stripe_accounts_by_account").on(t.accountId)],
);

/** Secrets that sign the webhooks of an account. Several count at once while one is being replaced. */
export const stripeWebhookSecrets = sqliteTable(
  "stripe_webhook_secrets",
  {
    id: text().primaryKey(),
    environmentId: text("environment_id").notNull(),
    accountId: text("account_id").notNull(),
    secretSealed: text("secret_sealed").notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (t) => [index("stripe_webhook_secrets_by_account").on(t.environmentId, t.accountId)],
);

/** Write-only values that workflows read in `env`. */
export const environmentSecrets = sqliteTable(
  "environment_secrets",
  {
    environmentId: text("environment_id").notNull(),
    name: text().notNull(),
    valueSealed: text("value_sealed").notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.environmentId, t.name] })],
);

/**
 * One row per offering and identity: the claim that decides who runs the workflow, and afterwards its answer.
 * `claimId` fences: only the claim that holds the row may settle it. A row holds a place of the offer's limits
 * while it runs within its lease, and after success until `expiresAt` or for good (`outcome: "complete"`).
 */
export const redemptions = sqliteTable(
  "redemptions",
  {
    environmentId: text("environment_id").notNull(),
    offeringId: text("offering_id").notNull(),
    identityKey: text("identity_key").notNull(),
    status: text({ enum: ["running", "succeeded", "failed"] }).notNull(),
    attempt: integer().notNull(),
    claimId: text("claim_id").notNull(),
    leaseUntil: integer("lease_until").notNull(),
    offerId: text("offer_id").notNull(),
    planId: text("plan_id"),
    offerVersion: integer("offer_version").notNull(),
    answerStatus: integer("answer_status"),
    answer: text({ mode: "json" }).$type<JsonObject>(),
    expiresAt: integer("expires_at"),
    outcome: text({ enum: ["complete", "expired"] }),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.environmentId, t.offeringId, t.identityKey] }),
    // counting the places of a customer or of an offer reads these alone
    index("redemptions_by_customer").on(
      t.environmentId,
      t.offerId,
      t.identityKey,
      t.status,
      t.outcome,
      t.leaseUntil,
      t.offeringId,
    ),
    index("redemptions_by_place").on(
      t.environmentId,
      t.offerId,
      t.status,
      t.outcome,
      t.leaseUntil,
      t.expiresAt,
      t.offeringId,
      t.identityKey,
    ),
  ],
);

/**
 * What happened: decisions, redemptions, tries, access checks. The details (JSON text: request, answer, run, timings,
 * secrets masked) stand in `data`, or for events that were written in bulk in the batch that `batchId` names.
 */
export const events = sqliteTable(
  "events",
  {
    id: text().primaryKey(),
    environmentId: text("environment_id").notNull(),
    type: text({ enum: ["surface-decision", "offer-redemption", "method-try", "access-check", "purchase"] }).notNull(),
    status: text().notNull(),
    identifier: text(),
    offeringId: text("offering_id"),
    createdAt: integer("created_at").notNull(),
    data: text(),
    batchId: integer("batch_id"),
  },
  (t) => [index("events_by_time").on(t.environmentId, t.createdAt)],
);

/** Details of events that were written together: a JSON object of event id to details, compressed with Zstandard. */
export const eventBatches = sqliteTable("event_batches", {
  id: integer().primaryKey({ autoIncrement: true }),
  data: blob({ mode: "buffer" }).notNull(),
});

/**
 * Work that happens by the clock. One process at a time has the lease of a task; `outcome` is what its latest run did
 * (JSON), or how it failed.
 */
export const tasks = sqliteTable("tasks", {
  name: text().primaryKey(),
  claimId: text("claim_id").notNull(),
  leaseUntil: integer("lease_until").notNull(),
  startedAt: integer("started_at").notNull(),
  finishedAt: integer("finished_at"),
  outcome: text({ mode: "json" }).$type<JsonObject>(),
});

/**
 * What a server has counted against a rate limit in a window, as far as others should know. A row is worth nothing once
 * its window has ended, and is soon deleted.
 */
export const rateLimits = sqliteTable(
  "rate_limits",
  {
    windowEndsAt: integer("window_ends_at").notNull(),
    name: text().notNull(),
    subject: text().notNull(),
    node: text().notNull(),
    count: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.windowEndsAt, t.name, t.subject, t.node] })],
);
