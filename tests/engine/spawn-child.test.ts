import { once } from "node:events";
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { openChannel } from "../../engine/sandbox/channel.ts";
import { type ChildProgram, childProgram } from "../../engine/sandbox/child-program.ts";
import { spawnChild } from "../../engine/sandbox/spawn-child.ts";

const probe = `
const told = (name, attempt) => { try { attempt(); console.log(name, "allowed"); } catch (error) { console.log(name, error.code ?? error.name); } };
told("files", () => require("node:fs").readFileSync(${JSON.stringify(import.meta.filename)}));
told("folders", () => require("node:fs").readdirSync("/"));
told("writing", () => require("node:fs").writeFileSync("/tmp/scrip-probe", ""));
told("processes", () => require("node:child_process").spawnSync("true"));
told("threads", () => new (require("node:worker_threads").Worker)("1", { eval: true }));
told("webassembly", () => WebAssembly.Memory);
told("memory", () => { const all = []; for (let i = 0; i < 40; i++) all.push(Buffer.alloc(10 << 20, 1)); });
console.log("environment", Object.keys(process.env).join());
process.stdin.resume().on("end", () => console.log("input closed"));
`;

/** Starts a process whose program is `program`; `said` is all that it says until it ends. */
async function start(program: string, writableKib: number, readable: ChildProgram["readable"] = []) {
  const heard: Buffer[] = [];
  const channel = await openChannel((bytes) => heard.push(Buffer.from(bytes)));
  const child = spawnChild({ program, prelude: "", readable }, writableKib, channel.theirs);
  const closed = once(channel.ours, "close");
  const said = async () => {
    await closed;
    return Buffer.concat(heard).toString();
  };
  return { child, input: child.stdin, said };
}

test("a sandbox process has no files, processes, threads, WebAssembly or environment, and bounded memory", async () => {
  const { input, said } = await start(probe, 350_000);
  input.end();
  const lines = (await said()).trim().split("\n");
  expect(lines.slice(0, 6)).toEqual([
    "files ERR_ACCESS_DENIED",
    "folders ERR_ACCESS_DENIED",
    "writing ERR_ACCESS_DENIED",
    "processes ERR_ACCESS_DENIED",
    "threads ERR_ACCESS_DENIED",
    "webassembly ReferenceError",
  ]);
  expect(lines[6]).not.toBe("memory allowed");
  expect(lines.slice(7)).toEqual(["environment TZ", "input closed"]);
});

test("a sandbox process's command line is short: its program comes through standard input", async () => {
  const program = `${"// é\n".repeat(100_000)}console.log(process.argv.length, process.execArgv.join(" ").length);`;
  const { child, input, said } = await start(program, 1_000_000, (await childProgram()).readable);
  const commandLine = readFileSync(`/proc/${child.process.pid}/cmdline`, "utf8");
  expect(commandLine.length).toBeLessThan(1500);
  input.end();
  expect(await said()).toMatch(/^1 \d{1,4}\n$/);
});

test("what follows the program on standard input is left for the program", async () => {
  const program =
    'const { readSync } = require("node:fs"); const b = Buffer.alloc(9); readSync(0, b); console.log(b.toString());';
  const { input, said } = await start(program, 1_000_000);
  input.end("a command");
  expect(await said()).toBe("a command\n");
});

test("a sandbox process whose program does not come ends quietly", async () => {
  const { child, input } = await start("x".repeat(1 << 20), 1_000_000);
  input.on("error", () => {});
  input.destroy();
  expect(await text(child.stderr)).toBe("");
});
