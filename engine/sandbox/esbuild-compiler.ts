import { createHash } from "node:crypto";
import { type BuildFailure, build, type Message, type Plugin, stop } from "esbuild";
import type { Compilation, WorkflowCompiler, WorkflowProblem } from "../compiler.ts";
import { noDefaultExport, onlyTypes, workflowImports } from "./workflow-imports.ts";

const sourceMaxBytes = 256 << 10;
const sourceName = "workflow.ts";
/** Sources take milliseconds; there are some that esbuild would be at for years. */
const limitMs = 5000;
const tooMuch = "the source cannot be compiled: it is nested too deeply, or would take too long";

/** What esbuild only warns of, and what would fail when the workflow runs. */
const refusedKinds = [
  "unsupported-dynamic-import",
  "unsupported-require-call",
  "indirect-require",
  "empty-import-meta",
];

/**
 * Compiles with esbuild. Every import is a problem with its place, except one of types from "mos:workflow", which disappears.
 * The script is strict-mode code; `codeHash` is the SHA-256 of its text, in hex.
 */
export const compileWorkflow: WorkflowCompiler = async (source) => {
  const before = lastCompilation;
  const { promise, resolve } = Promise.withResolvers<void>();
  lastCompilation = promise;
  await before;
  try {
    return await compileInTime(source);
  } finally {
    resolve();
  }
};

/** One at a time: esbuild is ended when one takes too long, and others' would be lost with it. */
let lastCompilation: Promise<void> = Promise.resolve();

async function compileInTime(source: string): Promise<Compilation> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), limitMs);
  const compilation = await Promise.race([compile(source), late]);
  clearTimeout(timer);
  if (compilation) return compilation;
  await stop();
  return refuse([{ message: tooMuch, line: 1, column: 1 }]);
}

async function compile(source: string): Promise<Compilation> {
  if (Buffer.byteLength(source) > sourceMaxBytes) {
    return refuse([{ message: `the source is longer than ${sourceMaxBytes >> 10} KiB`, line: 1, column: 1 }]);
  }
  // esbuild drops imports that are used as types only, or not at all, without telling: a first pass keeps them, to see them
  const seen = await bundle(workflowImports(source, "seen"), true);
  if (!seen.ok) return seen;
  return bundle(workflowImports(source, "used"), false);
}

async function bundle(imports: Plugin, verbatimModuleSyntax: boolean): Promise<Compilation> {
  try {
    const { outputFiles } = await build({
      entryPoints: ["scrip:entry"],
      bundle: true,
      write: false,
      outfile: "workflow.js",
      format: "iife",
      platform: "neutral",
      target: "esnext",
      sourcemap: "external",
      sourcesContent: false,
      logLevel: "silent",
      logOverride: Object.fromEntries(refusedKinds.map((kind) => [kind, "error"])),
      tsconfigRaw: { compilerOptions: { verbatimModuleSyntax, alwaysStrict: true } },
      plugins: [imports],
    });
    const textOf = (end: string) => outputFiles.find(({ path }) => path.endsWith(end))?.text ?? "";
    const script = textOf(".js");
    const codeHash = createHash("sha256").update(script).digest("hex");
    return { ok: true, workflow: { codeHash, script, sourceMap: textOf(".map") } };
  } catch (error) {
    if (isBuildFailure(error)) return refuse(error.errors.map(problemFrom));
    // its process has ended, and only after this would it start another
    await stop();
    return refuse([{ message: `${tooMuch} (${String(error)})`, line: 1, column: 1 }]);
  }
}

function refuse(problems: WorkflowProblem[]): Compilation {
  return { ok: false, problems: problems.toSorted((a, b) => a.line - b.line || a.column - b.column) };
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && "errors" in error && Array.isArray(error.errors);
}

function problemFrom({ text, location, id }: Message): WorkflowProblem {
  if (!location?.file.endsWith(sourceName)) {
    return { message: text.startsWith("No matching export") ? noDefaultExport : text, line: 1, column: 1 };
  }
  const message = refusedKinds.includes(id) && id !== "empty-import-meta" ? onlyTypes(text) : text;
  // esbuild counts columns in bytes of UTF-8
  const before = Buffer.from(location.lineText).subarray(0, location.column).toString("utf8");
  return { message, line: location.line, column: before.length + 1 };
}
