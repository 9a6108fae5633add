CREATE TABLE `custom_data` (
	`environment_id` text NOT NULL,
	`identity_key` text NOT NULL,
	`key` text NOT NULL,
	`value` text NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`environment_id`, `identity_key`, `key`)
);
--> statement-breakpoint
CREATE TABLE `identity_counters` (
	`environment_id` text NOT NULL,
	`identity_key` text NOT NULL,
	`counter_id` text NOT NULL,
	`value` integer NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`environment_id`, `identity_key`, `counter_id`)
);
--> statement-breakpoint
CREATE TABLE `workflow_effects` (
	`environment_id` text NOT NULL,
	`call` text NOT NULL,
	`subject` text NOT NULL,
	`answer` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`environment_id`, `call`, `subject`)
);
