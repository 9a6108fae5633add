import { readFile, realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { compileWorkflow } from "../engine/sandbox/esbuild-compiler.ts";
import { CommandFailure, type Problem, unreadable } from "./failure.ts";
import type { Terminal } from "./terminal.ts";
import { isSyntax, type TypeProblem, typeCheck } from "./type-check.ts";

/** A workflow's file as it was named, and everything that is wrong with it; `code` is TypeScript's, or null. */
export type CheckedWorkflow = { file: string; problems: WorkflowProblem[] };
export type WorkflowProblem = { line: number; column: number; message: string; code: string | null };

/** Checks workflows as the server does, and their types beside. Needs no server. */
export async function checkWorkflows({ cwd, packageDir }: Terminal, named: readonly string[]) {
  const files = await Promise.all(named.map((name) => readWorkflow(resolve(cwd, name))));
  const paths = [...new Set(files.map(({ path }) => path))];
  const [types, compilations] = await Promise.all([
    typeCheck(paths, packageDir),
    Promise.all(files.map(({ source }) => compileWorkflow(source))),
  ]);
  return files.map(({ file, path }, i): CheckedWorkflow => {
    const compilation = compilations[i];
    const compiled = compilation === undefined || compilation.ok ? [] : compilation.problems;
    return {
      file,
      problems: merged(
        types.filter((problem) => problem.file === path),
        compiled,
      ),
    };
  });
}

/** Checked workflows' problems in the form that they are shown in. */
export function shownProblems({ file, problems }: CheckedWorkflow): Problem[] {
  return problems.map(({ line, column, message, code }) => ({
    message: code === null ? message : `${message} (${code})`,
    path: null,
    place: { file, line, column },
  }));
}

async function readWorkflow(file: string) {
  try {
    return { file, path: await realpath(file), source: await readFile(file, "utf8") };
  } catch (error) {
    throw new CommandFailure("workflow_unreadable", `Cannot read ${file}: ${unreadable(error)}`);
  }
}

/**
 * Both checkers see what is not TypeScript at all; of an import, the compiler knows better why it is refused. So of two
 * problems on one line, the type checker's is kept when it is of syntax (TS1…), and the compiler's otherwise.
 */
function merged(types: readonly TypeProblem[], compiled: readonly Omit<WorkflowProblem, "code">[]): WorkflowProblem[] {
  const onLine = (line: number) => (problem: { line: number }) => problem.line === line;
  const kept = types.filter((problem) => isSyntax(problem) || !compiled.some(onLine(problem.line)));
  const added = compiled.filter(({ line }) => !types.some((problem) => isSyntax(problem) && problem.line === line));
  const all = [
    ...kept.map(({ line, column, message, code }) => ({
      line,
      column,
      message,
      code: code === "export" ? null : code,
    })),
    ...added.map((problem) => ({ ...problem, code: null })),
  ];
  return all.toSorted((a, b) => a.line - b.line || a.column - b.column);
}
