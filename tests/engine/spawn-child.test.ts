import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { childProgram } from "../../engine/sandbox/child-program.ts";
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

test("a sandbox process has no files, processes, threads, WebAssembly or environment, and bounded memory", async () => {
  const child = spawnChild({ program: probe, prelude: "", readable: [] }, 350_000);
  child.stdin.end();
  const lines = (await text(child.stdout)).trim().split("\n");
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
  const child = spawnChild({ program, prelude: "", readable: (await childProgram()).readable }, 1_000_000);
  const commandLine = readFileSync(`/proc/${child.process.pid}/cmdline`, "utf8");
  expect(commandLine.length).toBeLessThan(1500);
  child.stdin.end();
  expect(await text(child.stdout)).toMatch(/^1 \d{1,4}\n$/);
});

test("what follows the program on standard input is left for the program", async () => {
  const program =
    'const { readSync } = require("node:fs"); const b = Buffer.alloc(9); readSync(0, b); console.log(b.toString());';
  const child = spawnChild({ program, prelude: "", readable: [] }, 1_000_000);
  child.stdin.end("a command");
  expect(await text(child.stdout)).toBe("a command\n");
});

test("a sandbox process whose program does not come ends quietly", async () => {
  const child = spawnChild({ program: "x".repeat(1 << 20), prelude: "", readable: [] }, 1_000_000);
  child.stdin.on("error", () => {});
  child.stdin.destroy();
  expect(await text(child.stderr)).toBe("");
});
