import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { DevFile } from "../../demo/ensure-demo.ts";

const root = join(import.meta.dirname, "../..");

/** A server in a process of its own. */
export type ServerProcess = {
  child: ChildProcess;
  url: string;
  dataDir: string;
  /** What it has printed so far, both streams. */
  output: () => string;
  dev(): Promise<DevFile>;
  /** Sends a signal and waits for the end; gives the exit code, or null when the signal ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
};

/** A folder that is gone after the test. */
export async function temporaryFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "scrip-run-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Two free ports next to each other: the server's and its local Stripe's. */
export async function freePorts(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 20_000);
    if ((await isFree(port)) && (await isFree(port + 1))) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

/** Starts `scrip start` and waits until it listens; rejects with what it printed when it ends instead. */
export async function startServer(dataDir: string, env: Record<string, string> = {}): Promise<ServerProcess> {
  const port = env.PORT ?? String(await freePorts());
  const child = spawn(process.execPath, ["cli/scrip.mjs", "start"], {
    cwd: root,
    env: { PATH: process.env.PATH ?? "", DATA_DIR: dataDir, PORT: port, SANDBOX_PROCESSES: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout?.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    output += chunk;
  });
  const ended = once(child, "exit").then(([code]) => (typeof code === "number" ? code : null));
  const url = `http://127.0.0.1:${port}`;
  const listening = new Promise<void>((resolve) => {
    child.stdout?.on("data", () => {
      if (output.includes("Scrip listens at")) resolve();
    });
  });
  const first = await Promise.race([listening.then(() => "up" as const), ended]);
  if (first !== "up") throw new Error(`the server ended with ${first}: ${output}`);
  return {
    child,
    url,
    dataDir,
    output: () => output,
    dev: async () =>
      v.parse(v.pipe(v.string(), v.parseJson(), DevFile), await readFile(join(dataDir, "dev.json"), "utf8")),
    end(signal) {
      child.kill(signal);
      return ended;
    },
  };
}
