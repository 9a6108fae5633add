import type { Command } from "commander";
import * as v from "valibot";
import { ConnectionOptions } from "./connection.ts";
import { withConnection } from "./connection-flags.ts";
import type { Runner } from "./terminal.ts";

const File = v.optional(v.string());
const Flag = v.optional(v.boolean(), false);
const Options = v.object({ ...ConnectionOptions.entries, json: Flag });
const PullFlags = v.object({ ...Options.entries, force: Flag });
const PushFlags = v.object({ ...PullFlags.entries, yes: Flag });

/** `scrip config pull | diff | push`. */
export function addConfigCommands(program: Command, run: Runner): void {
  const config = program.command("config").description("the configuration of an environment, as files");
  withConnection(config.command("pull"))
    .description("write the server's configuration as a document, workflow files and types")
    .argument("[file]", "the document, or its folder (default: scrip.config.json)")
    .option("--force", "overwrite local changes")
    .addHelpText("after", pullHelp)
    .action((file: unknown, flags: unknown) =>
      run(async (terminal) => {
        const { pullConfig } = await import("./config-pull.ts");
        return pullConfig(terminal, { file: v.parse(File, file), ...v.parse(PullFlags, flags) });
      }),
    );
  withConnection(config.command("diff"))
    .description("show what pushing the document would change")
    .argument("[file]", "the document, or its folder (default: scrip.config.json)")
    .addHelpText("after", diffHelp)
    .action((file: unknown, flags: unknown) =>
      run(async (terminal) => {
        const { diffConfig } = await import("./config-diff.ts");
        return diffConfig(terminal, { file: v.parse(File, file), ...v.parse(Options, flags) });
      }),
    );
  withConnection(config.command("push"))
    .description("show the difference, ask, and apply the document as the next version")
    .argument("[file]", "the document, or its folder (default: scrip.config.json)")
    .option("-y, --yes", "apply without asking")
    .option("--force", "apply even if the server went on since the last pull")
    .addHelpText("after", pushHelp)
    .action((file: unknown, flags: unknown) =>
      run(async (terminal) => {
        const { pushConfig } = await import("./config-push.ts");
        return pushConfig(terminal, { file: v.parse(File, file), ...v.parse(PushFlags, flags) });
      }),
    );
}

const pullHelp = `
Each workflow is a file of its own, which the document refers to as { "file": "workflows/<slug>.wf.ts" }. Files with
changes of yours are never overwritten without --force.

Examples:
  scrip config pull site/scrip.config.json
  scrip config pull live.json --url https://offers.example.com --env env_live`;

const diffHelp = `
Exit codes: 0 the same, 1 different, 2 error (also when the document is not valid).

Example:
  scrip config diff site/scrip.config.json --json | jq .difference`;

const pushHelp = `
Only the version that the difference was shown for is replaced: when another one came between, nothing is applied.

Examples:
  scrip config push site/scrip.config.json
  scrip config push site/scrip.config.json --yes        in CI`;
