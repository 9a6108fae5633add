import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSettings } from "../../api/config.ts";
import { startServer } from "../../api/node.ts";
import { type DevFile, readDevFile } from "../../demo/ensure-demo.ts";

/** The whole server as `npm start` runs it, with the local Stripe and the demo, on free ports and data of its own. */
export type DemoServer = { dev: DevFile; stop(): Promise<void> };

/** Starts the composition of `api/node.ts` and reads the `dev.json` that it writes. */
export async function startDemoServer(): Promise<DemoServer> {
  const dataDir = await mkdtemp(join(tmpdir(), "scrip-demo-"));
  const port = await freePair();
  const env = { PORT: String(port), DATA_DIR: dataDir, LOG_LEVEL: "error", SANDBOX_PROCESSES: "1" };
  const read = readSettings(env);
  if (!read.ok) throw new Error(read.problems.join("\n"));
  const server = await startServer(read.settings);
  const dev = await readDevFile(dataDir);
  if (dev === null) throw new Error("the server wrote no dev.json");
  return {
    dev,
    async stop() {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/**
 * A free port whose next one is free as well: the local Stripe takes that. Below those that the system gives away by
 * itself, which another test may be given before the server takes them.
 */
async function freePair(): Promise<number> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const servers = await Promise.all([port, port + 1].map((one) => listen(one).catch(() => null)));
    await Promise.all(servers.map((server) => server && close(server)));
    if (!servers.includes(null)) return port;
  }
  throw new Error("there are no two free ports beside each other");
}

function listen(port: number): Promise<Server> {
  const server = createServer();
  return new Promise((done, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => done(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((done) => server.close(() => done()));
}
