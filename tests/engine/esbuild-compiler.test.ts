import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { compileWorkflow } from "../../engine/sandbox/esbuild-compiler.ts";
import { sourcePosition, sourceStack } from "../../engine/sandbox/source-position.ts";
import { compilerChildren } from "./sandbox-children.ts";

async function problemsOf(source: string) {
  const compilation = await compileWorkflow(source);
  return compilation.ok ? [] : compilation.problems;
}

async function compiled(source: string) {
  const compilation = await compileWorkflow(source);
  if (!compilation.ok) throw new Error(JSON.stringify(compilation.problems));
  return compilation.workflow;
}

describe("a workflow compiles", () => {
  test("to a script that leaves the seed's default export in __workflow", async () => {
    const seed = readFileSync(join(import.meta.dirname, "../../workflows/stripe-checkout.wf.ts"), "utf8");
    const { script, codeHash } = await compiled(seed);
    expect(runInNewContext(`${script}; typeof globalThis.__workflow`)).toBe("function");
    expect(script.startsWith('"use strict"')).toBe(true);
    expect(script).not.toContain("mos:workflow");
    expect(codeHash).toBe(createHash("sha256").update(script).digest("hex"));
  });

  test("to the same hash each time", async () => {
    const source = "export default (): number => 1;";
    expect((await compiled(source)).codeHash).toBe((await compiled(source)).codeHash);
  });

  test.each([
    'import type { RedemptionMethodWorkflow } from "mos:workflow"; export default 1;',
    'import { type Offer } from "mos:workflow"; export default (offer: Offer) => 1;',
    'import { Offer } from "mos:workflow"; export default (offer: Offer) => 1;',
    'export type { Offer } from "mos:workflow"; export default 1;',
    "const f = () => 1; export { f as default };",
    "export default { import: 1, require: 2 };",
  ])("when all it imports is types of mos:workflow: %s", async (source) => {
    expect(await problemsOf(source)).toEqual([]);
  });
});

describe("a workflow is refused", () => {
  test.each([
    ["import fs from 'fs';\nexport default fs;", 1, 16],
    ["export default 1;\nimport 'fs';", 2, 8],
    ["import unused from 'fs'; export default 1;", 1, 20],
    ["export default async () => {\n  await import('fs');\n};", 2, 16],
    ["export default (name) => import(name);", 1, 26],
    ["export default () => require('fs');", 1, 30],
    ["export default () => { const r = require; r('fs') };", 1, 34],
    ["export * from './other'; export default 1;", 1, 15],
    ["export { a } from './other'; export default 1;", 1, 19],
    ["export * from 'mos:workflow'; export default 1;", 1, 15],
    ["import 'mos:workflow'; export default 1;", 1, 8],
    ["import { Offer } from 'mos:workflow'; export default () => Offer;", 1, 23],
    ["export default () => import.meta.url;", 1, 22],
    ["/* é 😀 */ import x from 'y'; export default x;", 1, 26],
    ["export default () => {\n  const a = ;\n};", 2, 13],
    ["await 1; export default 1;", 1, 1],
    ["const a = 1;", 1, 1],
    ["module.exports = () => 1;", 1, 1],
    ["", 1, 1],
  ])("with line and column: %s", async (source, line, column) => {
    const problems = await problemsOf(source);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ line, column });
  });

  test("with every problem at once, in order", async () => {
    const problems = await problemsOf("import 'a';\nimport 'b';\nexport default 1;");
    expect(problems.map(({ line }) => line)).toEqual([1, 2]);
  });

  test("when it is longer than 256 KiB", async () => {
    const [problem] = await problemsOf(`export default 1; // ${"é".repeat(131_072)}`);
    expect(problem).toEqual({ message: "the source is longer than 256 KiB", line: 1, column: 1 });
  });
});

describe("the source map", () => {
  const source =
    "type A = { a: number };\n\nexport default async (a: A) => {\n  const b: string = null;\n  return b.length;\n};";

  test("leads a place of the script back to the TypeScript", async () => {
    const { script, sourceMap } = await compiled(source);
    const lines = script.split("\n");
    const line = lines.findIndex((text) => text.includes("b.length")) + 1;
    const column = (lines[line - 1] ?? "").indexOf("length") + 1;
    expect(sourcePosition(sourceMap, { line, column })).toEqual({ line: 5, column: 12 });
    const stack = sourceStack(sourceMap, `TypeError: x\n    at workflow (workflow.js:${line}:${column})`);
    expect(stack).toBe("TypeError: x\n    at workflow (workflow.ts:5:12)");
  });

  test("is read for every place of a script as Node reads it", async () => {
    const seed = readFileSync(join(import.meta.dirname, "../../workflows/stripe-checkout.wf.ts"), "utf8");
    const { script, sourceMap } = await compiled(seed);
    const node = new SourceMap(JSON.parse(sourceMap));
    const places = script.split("\n").flatMap((text, line) => [...text, ""].map((_, column) => ({ line, column })));
    const asNodeReads = places.map(({ line, column }) => {
      const entry = node.findEntry(line, column);
      if (!("originalLine" in entry) || !entry.originalSource.endsWith("workflow.ts")) return undefined;
      return { line: entry.originalLine + 1, column: entry.originalColumn + 1 };
    });
    const read = places.map(({ line, column }) => sourcePosition(sourceMap, { line: line + 1, column: column + 1 }));
    expect(read).toEqual(asNodeReads);
  });

  test("knows no place for what the compiler added", async () => {
    const { script, sourceMap } = await compiled(source);
    const line = script.split("\n").findIndex((text) => text.includes("globalThis.__workflow")) + 1;
    expect(sourcePosition(sourceMap, { line, column: 3 })).toBeUndefined();
    expect(sourcePosition(sourceMap, { line: 1, column: 1 })).toBeUndefined();
  });
});

describe("the compiler goes on", () => {
  test("after its process has ended under a source", async () => {
    const many = Array.from({ length: 20 }, (_, i) => compileWorkflow(`export default () => ${i};`));
    await many[0];
    const pids = compilerChildren();
    expect(pids).toHaveLength(1);
    for (const pid of pids) process.kill(pid, "SIGKILL");
    const compilations = await Promise.all(many);
    // no more than the one that was under way, and the one that finds the process gone
    expect(compilations.filter(({ ok }) => !ok).length).toBeLessThanOrEqual(2);
    expect(await problemsOf("export default () => 1;")).toEqual([]);
  });

  test("beside and after a source that would take it years", async () => {
    const years = `export default 1?${"(a):b=>1?".repeat(60)}1:2${":3".repeat(60)}`;
    const [endless, beside] = await Promise.all([compileWorkflow(years), compileWorkflow("export default () => 1;")]);
    expect(endless).toMatchObject({ ok: false, problems: [{ message: expect.stringContaining("too long") }] });
    expect(beside.ok).toBe(true);
  });
});
