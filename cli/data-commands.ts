import type { Command } from "commander";
import * as v from "valibot";
import type { Runner } from "./terminal.ts";

const Flags = v.object({ json: v.optional(v.boolean(), false), replace: v.optional(v.boolean(), false) });

/** `scrip backup | restore | doctor`: they look at the data of a server themselves, with its environment variables. */
export function addDataCommands(program: Command, run: Runner): void {
  program
    .command("backup")
    .argument("<file>", "the file to make; it must not be there yet")
    .option("--json", "print JSON")
    .description("write all data to a file, while the server runs")
    .addHelpText("after", backupHelp)
    .action((file: string, flags: unknown) =>
      run(async (terminal) => {
        const { runBackup } = await import("./backup.ts");
        return runBackup(terminal, { file, ...v.parse(Flags, flags) });
      }),
    );
  program
    .command("restore")
    .argument("<file>", "a file that `scrip backup` made; it stays as it is")
    .option("--replace", "put the database aside that is there")
    .option("--json", "print JSON")
    .description("make a backup the data of a server, which must not run")
    .addHelpText("after", restoreHelp)
    .action((file: string, flags: unknown) =>
      run(async (terminal) => {
        const { runRestore } = await import("./restore.ts");
        return runRestore(terminal, { file, ...v.parse(Flags, flags) });
      }),
    );
  program
    .command("doctor")
    .option("--json", "print JSON")
    .description("say what is wrong with a deployment, and what to do")
    .addHelpText("after", doctorHelp)
    .action((flags: unknown) =>
      run(async (terminal) => {
        const { runDoctor } = await import("./doctor/doctor.ts");
        return runDoctor(terminal, v.parse(Flags, flags));
      }),
    );
}

const whichData = `
The data are those of the server whose environment variables are set: DATA_DIR, or DATABASE_URL and DATABASE_AUTH_TOKEN.`;

const backupHelp = `${whichData}
The master key is not in the file. docs/deploying.md says how to keep both.

Example:
  DATA_DIR=/var/lib/scrip scrip backup /var/backups/scrip/$(date +%F).db`;

const restoreHelp = `${whichData}
The backup is read through first, and tried with SCRIP_MASTER_KEY if that is set.

Example:
  DATA_DIR=/var/lib/scrip scrip restore /var/backups/scrip/2026-11-21.db --replace`;

const doctorHelp = `
Looks with the environment variables of the server, on its machine and as its user. Changes nothing.

Exit codes: 0 no errors; 1 errors; 2 could not look.

Example:
  set -a; . /etc/scrip/scrip.env; set +a; scrip doctor`;
