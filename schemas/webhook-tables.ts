import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { JsonObject } from "./json.ts";

/** Outgoing webhooks (Standard Webhooks). All times are milliseconds since the epoch, UTC. */

/** Where an environment's webhooks go. `types` empty means all. The previous secret signs too until `previousUntil`. */
export const webhookEndpoints = sqliteTable(
  "webhook_endpoints",
  {
    id: text().primaryKey(),
    environmentId: text("environment_id").notNull(),
    url: text().notNull(),
    description: text().notNull(),
    types: text({ mode: "json" }).$type<string[]>().notNull(),
    secretSealed: text("secret_sealed").notNull(),
    previousSecretSealed: text("previous_secret_sealed"),
    previousUntil: integer("previous_until"),
    createdAt: integer("created_at").notNull(),
    disabledAt: integer("disabled_at"),
  },
  (t) => [index("webhook_endpoints_by_environment").on(t.environmentId)],
);

/** What there is to tell, written in the transaction that made it true. */
export const webhookMessages = sqliteTable(
  "webhook_messages",
  {
    id: text().primaryKey(),
    environmentId: text("environment_id").notNull(),
    type: text().notNull(),
    payload: text({ mode: "json" }).$type<JsonObject>().notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (t) => [index("webhook_messages_by_time").on(t.environmentId, t.createdAt)],
);

/** One message on its way to one endpoint. One process at a time has it: `leaseUntil`. */
export const webhookDeliveries = sqliteTable(
  "webhook_deliveries",
  {
    messageId: text("message_id").notNull(),
    endpointId: text("endpoint_id").notNull(),
    environmentId: text("environment_id").notNull(),
    status: text({ enum: ["pending", "delivered", "failed"] }).notNull(),
    attempts: integer().notNull(),
    nextAttemptAt: integer("next_attempt_at").notNull(),
    leaseUntil: integer("lease_until").notNull(),
    deliveredAt: integer("delivered_at"),
  },
  (t) => [
    primaryKey({ columns: [t.messageId, t.endpointId] }),
    index("webhook_deliveries_due").on(t.status, t.nextAttemptAt),
    index("webhook_deliveries_by_endpoint").on(t.endpointId, t.status),
  ],
);

/** Each try of a delivery and its answer. `status` is null where none came. */
export const webhookAttempts = sqliteTable(
  "webhook_attempts",
  {
    id: text().primaryKey(),
    messageId: text("message_id").notNull(),
    endpointId: text("endpoint_id").notNull(),
    status: integer(),
    error: text(),
    durationMs: integer("duration_ms").notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (t) => [index("webhook_attempts_by_delivery").on(t.messageId, t.endpointId)],
);
