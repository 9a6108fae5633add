import type { Command } from "commander";

/** Adds the options of every command that talks to a server. `ConnectionOptions` parses them. */
export function withServer(command: Command): Command {
  return command
    .option("--url <url>", "the server's address (SCRIP_URL)")
    .option("--token <token>", "an admin token; others may see it here, so rather SCRIP_ADMIN_TOKEN")
    .option("--json", "print JSON");
}

/** Adds the options of every command about an environment of a server. `ConnectionOptions` parses them. */
export function withConnection(command: Command): Command {
  return withServer(command).option("--env <id>", "the environment, such as env_live (SCRIP_ENVIRONMENT)");
}
