import type { Command } from "commander";
import * as v from "valibot";
import { ConnectionOptions } from "./connection.ts";
import { withConnection } from "./connection-flags.ts";
import type { Runner } from "./terminal.ts";

const Flag = v.optional(v.boolean(), false);
const Text = v.optional(v.string());
const CheckFlags = v.object({ json: Flag });
const TryFlags = v.object({
  ...ConnectionOptions.entries,
  method: Text,
  offer: Text,
  plan: Text,
  as: Text,
  anonymous: Flag,
  json: Flag,
});

/** `scrip method check | try`. */
export function addMethodCommands(program: Command, run: Runner): void {
  const method = program.command("method").description("redemption methods and their workflows");
  method
    .command("check")
    .description("type-check and compile workflows; needs no server")
    .argument("<file...>", "workflows (*.wf.ts)")
    .option("--json", "print JSON")
    .addHelpText("after", checkHelp)
    .action((files: unknown, flags: unknown) =>
      run(async (terminal) => {
        const { checkMethods } = await import("./method-check.ts");
        return checkMethods(terminal, { files: v.parse(v.array(v.string()), files), ...v.parse(CheckFlags, flags) });
      }),
    );
  withConnection(method.command("try"))
    .description("run a workflow on an offer without redeeming it; its host calls are real")
    .argument("<file|slug>", "a workflow's file, or a method as it is on the server")
    .option("--method <slug>", "the method that the file is for (default: from the file's name)")
    .option("--offer <slug>", "the offer (default: the first that uses the method)")
    .option("--plan <slug>", "the plan (default: the offer's first)")
    .option("--as <identifier>", "who redeems (default: buyer@example.com)")
    .option("--anonymous", "as a visitor who is not signed in")
    .addHelpText("after", tryHelp)
    .action((target: unknown, flags: unknown) =>
      run(async (terminal) => {
        const { tryMethod } = await import("./method-try.ts");
        return tryMethod(terminal, { target: v.parse(v.string(), target), ...v.parse(TryFlags, flags) });
      }),
    );
}

const checkHelp = `
Exit codes: 0 all well, 1 problems, 2 error.

Example:
  scrip method check site/workflows/*.wf.ts`;

const tryHelp = `
Nothing is recorded as a purchase, but what the workflow calls is called: a Checkout Session is made.
Exit codes: 0 it gave a result, 1 it broke, 2 error.

Examples:
  scrip method try site/workflows/stripe-checkout.wf.ts --offer premium --as buyer@example.com
  scrip method try stripe-checkout --anonymous`;
