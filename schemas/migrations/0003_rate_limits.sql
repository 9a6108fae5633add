CREATE TABLE `rate_limits` (
	`window_ends_at` integer NOT NULL,
	`name` text NOT NULL,
	`subject` text NOT NULL,
	`node` text NOT NULL,
	`count` integer NOT NULL,
	PRIMARY KEY(`window_ends_at`, `name`, `subject`, `node`)
);
