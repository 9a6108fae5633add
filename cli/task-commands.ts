import type { Command } from "commander";
import * as v from "valibot";
import { withServer } from "./connection-flags.ts";
import type { Runner } from "./terminal.ts";

const Text = v.optional(v.string());
const Flags = v.object({ url: Text, token: Text, json: v.optional(v.boolean(), false) });

/** `scrip reconcile | prune`. */
export function addTaskCommands(program: Command, run: Runner): void {
  const add = (name: "reconcile" | "prune", description: string, help: string) =>
    withServer(program.command(name))
      .description(description)
      .addHelpText("after", help)
      .action((flags: unknown) =>
        run(async (terminal) => {
          const { runTask } = await import("./task-run.ts");
          return runTask(terminal, { name, ...v.parse(Flags, flags) });
        }),
      );
  add("reconcile", "ask Stripe about pending purchases, and for events that did not come", reconcileHelp);
  add("prune", "end purchases that nobody will pay for any more, and delete what is old", pruneHelp);
}

const exitCodes = `
The server does this by itself; see docs/operating.md. It is for all of the server's environments.

Exit codes: 0 done; 1 done in part, or running already; 2 could not be done.`;

const reconcileHelp = `${exitCodes}

Example:
  scrip reconcile --url https://offers.example.com --json | jq .outcome.counts`;

const pruneHelp = `${exitCodes}

Example:
  scrip prune`;
