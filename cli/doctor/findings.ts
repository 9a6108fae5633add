/**
 * Everything that `scrip doctor` can find, and what to do about it. An error means that something does not work, or will
 * not after the next start; a warning, that it may be meant so. docs/deploying.md has the same table.
 */
export const findings = {
  settings_invalid: ["error", "Correct the environment variables: docs/configuration.md names all of them"],
  folder_not_writable: ["error", "Give DATA_DIR to the user that the server runs as"],
  folder_open: ["warning", "chmod 700 DATA_DIR and chmod 600 what is in it: only the server need read it"],
  folder_on_network: ["warning", "SQLite loses data on network file systems: use a local disk, or a database server"],
  disk_full: ["error", "Make room: without it nothing can be written"],
  disk_low: ["warning", "Make room: a copy of the database should fit beside it"],
  database_unbegun: ["warning", "Start the server once, which makes it; or correct DATA_DIR or DATABASE_URL"],
  database_unreachable: [
    "error",
    "Correct DATABASE_URL and DATABASE_AUTH_TOKEN, or see why the database does not answer",
  ],
  database_slow: ["warning", "Bring the database nearer to the server: a redemption asks it several times"],
  database_behind: ["warning", "Start this version of the server: it migrates the database"],
  database_ahead: [
    "warning",
    "Start the newer version of Scrip that has been here, unless you are going back on purpose",
  ],
  database_damaged: ["error", "Stop the server, keep the folder, and restore the newest backup that is whole"],
  master_key_missing: ["warning", "Set SCRIP_MASTER_KEY as the server has it, to see whether it is the right one"],
  master_key_other: ["error", "Set the SCRIP_MASTER_KEY that this database was begun with"],
  sandbox_broken: [
    "error",
    "See what keeps processes from starting: the sandbox needs /bin/sh, some memory and some processes",
  ],
  sandbox_slow: ["warning", "Give the machine more CPU, or set SANDBOX_PROCESSES to what it has"],
  server_silent: ["warning", "Start the server, or look into its log"],
  server_unready: ["error", "Look at the other findings and into the server's log; under load it passes"],
  public_url_plain: ["warning", "Put a proxy with TLS in front, and https:// into PUBLIC_URL"],
  public_url_silent: [
    "warning",
    "See that the name leads to the proxy, and the proxy to the server; from inside it may not",
  ],
  stripe_unreachable: ["error", "Let the server reach api.stripe.com at port 443"],
  clock_wrong: ["error", "Set the clock by NTP: signatures and tokens with a time in them are refused"],
  no_environment: ["warning", "Make one: docs/operating.md begins with it"],
  environment_without_keys: ["warning", "POST …/keys makes one; without a key nobody can ask anything"],
  environment_without_stripe: ["warning", "PUT …/integrations/stripe connects the account that its offers name"],
  account_without_webhooks: [
    "warning",
    "Add an endpoint at Stripe and its secret here; until then access follows a payment by a minute or more",
  ],
  tasks_not_running: ["warning", "See that a server runs on this database: it does the scheduled tasks"],
  task_failing: ["warning", "What failed is tried again; the reason is in the message"],
} as const satisfies Record<string, readonly ["error" | "warning", string]>;

export type FindingCode = keyof typeof findings;

/** Something that is wrong: `message` says what was seen, `advice` what to do. */
export type Finding = { code: FindingCode; level: "error" | "warning"; message: string; advice: string };

/** What was looked at, what was seen there when all was well, and what was not. */
export type Checked = { about: string; seen: string; findings: Finding[] };

/** A finding with its level and advice from the table. */
export function find(code: FindingCode, message: string): Finding {
  const [level, advice] = findings[code];
  return { code, level, message, advice };
}
