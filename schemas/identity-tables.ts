import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** What workflows keep about identities. `identityKey` is `user:<identifier>` or `anonymous:<identifier>`. */

/** A value that a workflow keeps about somebody, by a key of its own (MonetizationOS custom data). */
export const customData = sqliteTable(
  "custom_data",
  {
    environmentId: text("environment_id").notNull(),
    identityKey: text("identity_key").notNull(),
    key: text().notNull(),
    /** JSON. */
    value: text().notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.environmentId, t.identityKey, t.key] })],
);

/** How often something was counted for somebody (MonetizationOS counters). */
export const identityCounters = sqliteTable(
  "identity_counters",
  {
    environmentId: text("environment_id").notNull(),
    identityKey: text("identity_key").notNull(),
    counterId: text("counter_id").notNull(),
    value: integer().notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.environmentId, t.identityKey, t.counterId] })],
);

/**
 * A host call that changed something, with its answer: made again by an attempt that is taken up again, it changes nothing.
 * `call` is the attempt's idempotency key and the number of the call, `subject` a digest of what was called for what.
 */
export const workflowEffects = sqliteTable(
  "workflow_effects",
  {
    environmentId: text("environment_id").notNull(),
    call: text().notNull(),
    subject: text().notNull(),
    /** JSON. */
    answer: text().notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.environmentId, t.call, t.subject] })],
);
