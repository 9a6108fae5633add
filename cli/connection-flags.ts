import type { Command } from "commander";

/** Adds the options of every command that talks to a server. `ConnectionOptions` parses them. */
export function withConnection(command: Command): Command {
  return command
    .option("--url <url>", "the server's address (SCRIP_URL)")
    .option("--token <token>", "an admin token; others may see it here, so rather SCRIP_ADMIN_TOKEN")
    .option("--env <id>", "the environment, such as env_live (SCRIP_ENVIRONMENT)")
    .option("--json", "print JSON");
}
