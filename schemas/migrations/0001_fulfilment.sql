CREATE TABLE `stripe_webhook_secrets` (
	`id` text PRIMARY KEY NOT NULL,
	`environment_id` text NOT NULL,
	`account_id` text NOT NULL,
	`secret_sealed` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `stripe_webhook_secrets_by_account` ON `stripe_webhook_secrets` (`environment_id`,`account_id`);--> statement-breakpoint
CREATE TABLE `tasks` (
	`name` text PRIMARY KEY NOT NULL,
	`claim_id` text NOT NULL,
	`lease_until` integer NOT NULL,
	`started_at` integer NOT NULL,
	`finished_at` integer,
	`outcome` text
);
--> statement-breakpoint
CREATE TABLE `member_events` (
	`id` text PRIMARY KEY NOT NULL,
	`environment_id` text NOT NULL,
	`member_id` text NOT NULL,
	`type` text NOT NULL,
	`subject` text NOT NULL,
	`data` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `member_events_by_subject` ON `member_events` (`environment_id`,`type`,`subject`);--> statement-breakpoint
CREATE INDEX `member_events_by_member` ON `member_events` (`environment_id`,`member_id`,`created_at`);--> statement-breakpoint
CREATE TABLE `member_keys` (
	`kid` text PRIMARY KEY NOT NULL,
	`private_jwk_sealed` text NOT NULL,
	`public_jwk` text NOT NULL,
	`created_at` integer NOT NULL,
	`signs_from` integer NOT NULL,
	`published_until` integer
);
--> statement-breakpoint
CREATE TABLE `member_sessions` (
	`id` text PRIMARY KEY NOT NULL,
	`environment_id` text NOT NULL,
	`identifier` text NOT NULL,
	`refresh_hash` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`revoked_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `member_sessions_by_refresh` ON `member_sessions` (`refresh_hash`);--> statement-breakpoint
CREATE INDEX `member_sessions_by_expiry` ON `member_sessions` (`expires_at`);--> statement-breakpoint
CREATE INDEX `member_sessions_by_identifier` ON `member_sessions` (`environment_id`,`identifier`);--> statement-breakpoint
CREATE TABLE `members` (
	`id` text PRIMARY KEY NOT NULL,
	`environment_id` text NOT NULL,
	`identifier` text NOT NULL,
	`email` text,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `members_by_identifier` ON `members` (`environment_id`,`identifier`);--> statement-breakpoint
CREATE UNIQUE INDEX `members_by_email` ON `members` (`environment_id`,`email`);--> statement-breakpoint
CREATE INDEX `members_by_time` ON `members` (`environment_id`,`created_at`);--> statement-breakpoint
CREATE TABLE `payments` (
	`environment_id` text NOT NULL,
	`account_id` text NOT NULL,
	`payment_intent_id` text NOT NULL,
	`refunded_at` integer,
	`disputed_at` integer,
	`revision` integer NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`environment_id`, `account_id`, `payment_intent_id`)
);
--> statement-breakpoint
CREATE TABLE `purchase_tokens` (
	`hash` text PRIMARY KEY NOT NULL,
	`environment_id` text NOT NULL,
	`purchase_id` text NOT NULL,
	`expires_at` integer NOT NULL,
	`used_at` integer,
	`used_by` text
);
--> statement-breakpoint
CREATE INDEX `purchase_tokens_by_expiry` ON `purchase_tokens` (`expires_at`);--> statement-breakpoint
CREATE TABLE `stripe_cursors` (
	`environment_id` text NOT NULL,
	`account_id` text NOT NULL,
	`read_until` integer NOT NULL,
	PRIMARY KEY(`environment_id`, `account_id`)
);
--> statement-breakpoint
CREATE TABLE `stripe_events` (
	`environment_id` text NOT NULL,
	`account_id` text NOT NULL,
	`event_id` text NOT NULL,
	`type` text NOT NULL,
	`handled_at` integer NOT NULL,
	PRIMARY KEY(`environment_id`, `account_id`, `event_id`)
);
--> statement-breakpoint
CREATE TABLE `webhook_attempts` (
	`id` text PRIMARY KEY NOT NULL,
	`message_id` text NOT NULL,
	`endpoint_id` text NOT NULL,
	`status` integer,
	`error` text,
	`duration_ms` integer NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `webhook_attempts_by_delivery` ON `webhook_attempts` (`message_id`,`endpoint_id`);--> statement-breakpoint
CREATE TABLE `webhook_deliveries` (
	`message_id` text NOT NULL,
	`endpoint_id` text NOT NULL,
	`environment_id` text NOT NULL,
	`status` text NOT NULL,
	`attempts` integer NOT NULL,
	`next_attempt_at` integer NOT NULL,
	`lease_until` integer NOT NULL,
	`delivered_at` integer,
	PRIMARY KEY(`message_id`, `endpoint_id`)
);
--> statement-breakpoint
CREATE INDEX `webhook_deliveries_due` ON `webhook_deliveries` (`status`,`next_attempt_at`);--> statement-breakpoint
CREATE INDEX `webhook_deliveries_by_endpoint` ON `webhook_deliveries` (`endpoint_id`,`status`);--> statement-breakpoint
CREATE TABLE `webhook_endpoints` (
	`id` text PRIMARY KEY NOT NULL,
	`environment_id` text NOT NULL,
	`url` text NOT NULL,
	`description` text NOT NULL,
	`types` text NOT NULL,
	`secret_sealed` text NOT NULL,
	`previous_secret_sealed` text,
	`previous_until` integer,
	`created_at` integer NOT NULL,
	`disabled_at` integer
);
--> statement-breakpoint
CREATE INDEX `webhook_endpoints_by_environment` ON `webhook_endpoints` (`environment_id`);--> statement-breakpoint
CREATE TABLE `webhook_messages` (
	`id` text PRIMARY KEY NOT NULL,
	`environment_id` text NOT NULL,
	`type` text NOT NULL,
	`payload` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `webhook_messages_by_time` ON `webhook_messages` (`environment_id`,`created_at`);--> statement-breakpoint
DROP INDEX `purchases_by_session`;--> statement-breakpoint
ALTER TABLE `purchases` ADD `awaiting_payment` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `purchases` ADD `guest` text;--> statement-breakpoint
ALTER TABLE `purchases` ADD `member_id` text;--> statement-breakpoint
ALTER TABLE `purchases` ADD `return_url` text;--> statement-breakpoint
ALTER TABLE `purchases` ADD `return_key_hash` text;--> statement-breakpoint
ALTER TABLE `purchases` ADD `payment_intent_id` text;--> statement-breakpoint
ALTER TABLE `purchases` ADD `subscription_id` text;--> statement-breakpoint
ALTER TABLE `purchases` ADD `on_refund` text;--> statement-breakpoint
ALTER TABLE `purchases` ADD `amount_minor` integer;--> statement-breakpoint
ALTER TABLE `purchases` ADD `currency` text;--> statement-breakpoint
ALTER TABLE `purchases` ADD `completed_at` integer;--> statement-breakpoint
ALTER TABLE `purchases` ADD `asked_at` integer;--> statement-breakpoint
CREATE INDEX `purchases_by_payment_intent` ON `purchases` (`payment_intent_id`) WHERE payment_intent_id is not null;--> statement-breakpoint
CREATE INDEX `purchases_by_subscription` ON `purchases` (`subscription_id`) WHERE subscription_id is not null;--> statement-breakpoint
CREATE INDEX `purchases_pending` ON `purchases` (`environment_id`,`created_at`) WHERE status = 'pending';--> statement-breakpoint
CREATE INDEX `purchases_by_member` ON `purchases` (`member_id`) WHERE member_id is not null;--> statement-breakpoint
CREATE INDEX `purchases_by_time` ON `purchases` (`environment_id`,`created_at`);--> statement-breakpoint
CREATE UNIQUE INDEX `purchases_by_session` ON `purchases` (`session_id`,`account_id`,`environment_id`);--> statement-breakpoint
-- nothing has written entitlements before: the table is made anew, with columns that may not be null
DROP TABLE `entitlements`;--> statement-breakpoint
CREATE TABLE `entitlements` (
	`id` text PRIMARY KEY NOT NULL,
	`environment_id` text NOT NULL,
	`identifier` text NOT NULL,
	`guest` text,
	`member_id` text,
	`product_id` text NOT NULL,
	`plan_id` text,
	`offer_id` text,
	`offering_id` text,
	`purchase_id` text,
	`payment_intent_id` text,
	`cause` text NOT NULL,
	`reason` text,
	`started_at` integer NOT NULL,
	`ended_at` integer,
	`revoked_at` integer,
	`revoked_because` text,
	`revoked_reason` text,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `entitlements_by_identifier` ON `entitlements` (`environment_id`,`identifier`);--> statement-breakpoint
CREATE UNIQUE INDEX `entitlements_by_cause` ON `entitlements` (`environment_id`,`cause`,`product_id`);--> statement-breakpoint
CREATE INDEX `entitlements_by_guest` ON `entitlements` (`environment_id`,`guest`) WHERE guest is not null;--> statement-breakpoint
CREATE INDEX `entitlements_by_purchase` ON `entitlements` (`environment_id`,`purchase_id`);--> statement-breakpoint
CREATE INDEX `entitlements_by_payment` ON `entitlements` (`environment_id`,`payment_intent_id`) WHERE payment_intent_id is not null;--> statement-breakpoint
CREATE INDEX `stripe_accounts_by_account` ON `stripe_accounts` (`account_id`);