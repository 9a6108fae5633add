import { execFile } from "node:child_process";
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { CommandFailure } from "./failure.ts";
import { workflowCompilerOptions, workflowTypes } from "./workflow-types.ts";

/** One error of the type checker; `code` is TypeScript's number (`TS2322`). */
export type TypeProblem = { file: string; line: number; column: number; code: string; message: string };

const timeoutMs = 120_000;

/**
 * Type-checks workflows against the published types, with TypeScript's native compiler and in its own process. `files`
 * are absolute; the answer names them in the same way. A default export that is no function is a problem too.
 */
export async function typeCheck(files: readonly string[], packageDir: string): Promise<TypeProblem[]> {
  const problems = await checkOnce(files, packageDir);
  const unparsed = new Set(problems.filter(isSyntax).map(({ file }) => file));
  const others = files.filter((file) => !unparsed.has(file));
  if (unparsed.size === 0 || others.length === 0) return problems;
  // as long as one file is not TypeScript at all, the compiler does not look at the types of the others
  return [...problems.filter(({ file }) => unparsed.has(file)), ...(await checkOnce(others, packageDir))];
}

/** Whether a problem is of syntax, which hides every other (TS1000 to TS1999). */
export function isSyntax({ code }: TypeProblem): boolean {
  return /^TS1\d{3}$/.test(code);
}

async function checkOnce(files: readonly string[], packageDir: string): Promise<TypeProblem[]> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "scrip-check-")));
  try {
    const types = await workflowTypes(packageDir);
    for (const [name, text] of types) await writeFile(join(folder, name), text);
    await Promise.all(files.map((file, i) => writeFile(join(folder, exportCheckName(i)), exportCheck(file))));
    const checks = files.map((_, i) => exportCheckName(i));
    const tsconfig = { compilerOptions: workflowCompilerOptions, files: [...types.keys(), ...checks] };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(tsconfig));
    const output = await runTypeScript(folder);
    return collected(parseProblems(output, folder), files, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function exportCheckName(position: number): string {
  return `export-check-${position}.ts`;
}

/** Without `as const`, the result of a function that is not annotated is too wide for the types: only its being callable is asked. */
function exportCheck(file: string): string {
  return `import workflow from ${JSON.stringify(file)};\nexport const callable: (args: never) => unknown = workflow;\n`;
}

function runTypeScript(folder: string): Promise<string> {
  const tsc = join(dirname(fileURLToPath(import.meta.resolve("typescript/package.json"))), "bin", "tsc");
  const args = [tsc, "--project", folder, "--pretty", "false"];
  return new Promise((done, fail) => {
    execFile(
      process.execPath,
      args,
      { cwd: folder, timeout: timeoutMs, maxBuffer: 64 << 20 },
      (error, stdout, stderr) => {
        // problems found are exit codes 1 and 2; anything else means that it did not do its work
        if (error === null || error.code === 1 || error.code === 2) done(stdout);
        else
          fail(new CommandFailure("type_check_failed", `TypeScript did not finish: ${stderr.trim() || error.message}`));
      },
    );
  });
}

/** `path(line,column): error TS1234: message`, with further lines of the message indented. */
function parseProblems(output: string, folder: string): TypeProblem[] {
  const problems: TypeProblem[] = [];
  for (const text of output.split(/\r?\n/)) {
    const [, file, line, column, code, message] = /^(.+)\((\d+),(\d+)\): error (TS\d+): (.*)$/.exec(text) ?? [];
    const last = problems.at(-1);
    if (file !== undefined && code !== undefined && message !== undefined) {
      const place = { file: resolve(folder, file), line: Number(line), column: Number(column) };
      problems.push({ ...place, code, message: inPlace(message) });
    } else if (text.startsWith("  ") && last !== undefined) {
      last.message += `\n${text}`;
    } else if (/^error TS/.test(text)) {
      throw new CommandFailure("type_check_failed", `TypeScript did not start: ${text}`);
    }
  }
  return problems;
}

/** TypeScript would have a missing global installed; a workflow cannot install anything. */
function inPlace(message: string): string {
  return message.replace(/^(Cannot find name '[^']+')\. (?:Do you need|Try).*$/, "$1: a workflow does not have it");
}

/** Problems of the files themselves; of an export's check only when its file has none, and said in words. */
function collected(problems: readonly TypeProblem[], files: readonly string[], folder: string): TypeProblem[] {
  const own = problems.filter(({ file }) => files.includes(file));
  const exports = files.flatMap((file, i) => {
    const failed = problems.some((problem) => problem.file === join(folder, exportCheckName(i)));
    if (!failed || own.some((problem) => problem.file === file)) return [];
    return [{ file, line: 1, column: 1, code: "export", message: "the default export must be a function" }];
  });
  return [...own, ...exports];
}
