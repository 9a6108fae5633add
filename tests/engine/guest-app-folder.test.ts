import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const home = mkdtempSync(join(realpathSync(tmpdir()), "scrip folder "));
const app = join(home, "the app, v1 (é)");
const link = join(home, "link to it");

/** What a sandbox process must be able to read is a copy in the folder; the rest is a link. */
const copied = ["isolated-vm", "node-gyp-build"];
const otherPlatforms = new RegExp(`prebuilds[\\\\/](?!${process.platform}-${process.arch})`);

beforeAll(() => {
  mkdirSync(join(app, "node_modules"), { recursive: true });
  for (const room of ["engine", "schemas"]) cpSync(join(root, room), join(app, room), { recursive: true });
  for (const name of copied) {
    const filter = (path: string) => !otherPlatforms.test(path);
    cpSync(join(root, "node_modules", name), join(app, "node_modules", name), { recursive: true, filter });
  }
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (copied.includes(name) || name.startsWith(".")) continue;
    symlinkSync(join(root, "node_modules", name), join(app, "node_modules", name));
  }
  symlinkSync(app, link);
  execFileSync("chmod", ["-R", "a-w", app]);
});

afterAll(() => {
  execFileSync("chmod", ["-R", "u+w", app]);
  rmSync(home, { recursive: true });
});

const script = `
import { createProcessPool } from "./engine/sandbox/process-pool.ts";
const sandbox = createProcessPool({ processes: 1 });
const script = 'globalThis.__workflow = () => [new URL("https://bücher.example").host, crypto.randomUUID().length];';
const budgets = { wallMs: 15000, cpuMs: 5000, memoryBytes: 1 << 25, outboundCalls: 1, responseBytes: 1, resultBytes: 1000, logBytes: 1000 };
const run = await sandbox.run({ runId: "1", tenant: "t", module: { codeHash: "h", script }, input: {}, budgets }, async () => {});
console.log(JSON.stringify(run.outcome));
await sandbox.close();
`;

/** As root nothing is read-only: without the right to pass over modes it is. */
function asOrdinary(command: string[]): string[] {
  return process.getuid?.() === 0 ? ["setpriv", "--bounding-set", "-dac_override", ...command] : command;
}

test.each([
  ["has spaces, commas and letters of other alphabets in its name", app],
  ["is reached through a link", link],
])("the sandbox runs when the application's folder is read-only and %s", async (_what, cwd) => {
  const [file = "", ...args] = asOrdinary([process.execPath, "--input-type=module", "-e", script]);
  const running = spawn(file, args, { cwd, stdio: ["ignore", "pipe", "inherit"] });
  expect(JSON.parse(await text(running.stdout))).toEqual({ kind: "returned", value: ["xn--bcher-kva.example", 36] });
});
