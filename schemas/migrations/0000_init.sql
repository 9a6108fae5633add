CREATE TABLE `admin_tokens` (
	`hash` text PRIMARY KEY NOT NULL,
	`label` text NOT NULL,
	`role` text NOT NULL,
	`created_at` integer NOT NULL,
	`revoked_at` integer
);
--> statement-breakpoint
CREATE TABLE `api_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`environment_id` text NOT NULL,
	`kind` text NOT NULL,
	`hash` text NOT NULL,
	`label` text NOT NULL,
	`created_at` integer NOT NULL,
	`revoked_at` integer
);
--> statement-breakpoint
CREATE INDEX `api_keys_by_environment` ON `api_keys` (`environment_id`);--> statement-breakpoint
CREATE TABLE `entitlements` (
	`id` text PRIMARY KEY NOT NULL,
	`environment_id` text NOT NULL,
	`identifier` text NOT NULL,
	`product_id` text NOT NULL,
	`plan_id` text,
	`started_at` integer NOT NULL,
	`ended_at` integer,
	`revoked_at` integer
);
--> statement-breakpoint
CREATE INDEX `entitlements_by_identifier` ON `entitlements` (`environment_id`,`identifier`);--> statement-breakpoint
CREATE TABLE `entity_ids` (
	`environment_id` text NOT NULL,
	`kind` text NOT NULL,
	`slug` text NOT NULL,
	`id` text NOT NULL,
	PRIMARY KEY(`environment_id`, `kind`, `slug`)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `entity_ids_by_id` ON `entity_ids` (`environment_id`,`id`);--> statement-breakpoint
CREATE TABLE `environment_secrets` (
	`environment_id` text NOT NULL,
	`name` text NOT NULL,
	`value_sealed` text NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`environment_id`, `name`)
);
--> statement-breakpoint
CREATE TABLE `environment_versions` (
	`environment_id` text NOT NULL,
	`version` integer NOT NULL,
	`document` text NOT NULL,
	`workflows` text NOT NULL,
	`author` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`environment_id`, `version`)
);
--> statement-breakpoint
CREATE TABLE `environments` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`revision` integer NOT NULL,
	`config_version` integer NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `event_batches` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`data` blob NOT NULL
);
--> statement-breakpoint
CREATE TABLE `events` (
	`id` text PRIMARY KEY NOT NULL,
	`environment_id` text NOT NULL,
	`type` text NOT NULL,
	`status` text NOT NULL,
	`identifier` text,
	`offering_id` text,
	`created_at` integer NOT NULL,
	`data` text,
	`batch_id` integer
);
--> statement-breakpoint
CREATE INDEX `events_by_time` ON `events` (`environment_id`,`created_at`);--> statement-breakpoint
CREATE TABLE `purchases` (
	`id` text PRIMARY KEY NOT NULL,
	`environment_id` text NOT NULL,
	`offering_id` text NOT NULL,
	`identity_key` text NOT NULL,
	`attempt` integer NOT NULL,
	`offer_id` text NOT NULL,
	`plan_id` text,
	`offer_version` integer NOT NULL,
	`account_id` text NOT NULL,
	`session_id` text NOT NULL,
	`session_expires_at` integer,
	`status` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `purchases_by_session` ON `purchases` (`environment_id`,`account_id`,`session_id`);--> statement-breakpoint
CREATE INDEX `purchases_by_redemption` ON `purchases` (`environment_id`,`offering_id`,`identity_key`);--> statement-breakpoint
CREATE TABLE `redemptions` (
	`environment_id` text NOT NULL,
	`offering_id` text NOT NULL,
	`identity_key` text NOT NULL,
	`status` text NOT NULL,
	`attempt` integer NOT NULL,
	`claim_id` text NOT NULL,
	`lease_until` integer NOT NULL,
	`offer_id` text NOT NULL,
	`plan_id` text,
	`offer_version` integer NOT NULL,
	`answer_status` integer,
	`answer` text,
	`expires_at` integer,
	`outcome` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`environment_id`, `offering_id`, `identity_key`)
);
--> statement-breakpoint
CREATE INDEX `redemptions_by_customer` ON `redemptions` (`environment_id`,`offer_id`,`identity_key`,`status`,`outcome`,`lease_until`,`offering_id`);--> statement-breakpoint
CREATE INDEX `redemptions_by_place` ON `redemptions` (`environment_id`,`offer_id`,`status`,`outcome`,`lease_until`,`expires_at`,`offering_id`,`identity_key`);--> statement-breakpoint
CREATE TABLE `server_facts` (
	`name` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `signing_keys` (
	`kid` text PRIMARY KEY NOT NULL,
	`environment_id` text NOT NULL,
	`secret_sealed` text NOT NULL,
	`created_at` integer NOT NULL,
	`verify_until` integer
);
--> statement-breakpoint
CREATE INDEX `signing_keys_by_environment` ON `signing_keys` (`environment_id`);--> statement-breakpoint
CREATE TABLE `stripe_accounts` (
	`environment_id` text NOT NULL,
	`account_id` text NOT NULL,
	`secret_key_sealed` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`environment_id`, `account_id`)
);
