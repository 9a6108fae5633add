import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
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
