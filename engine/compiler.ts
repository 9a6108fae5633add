import type { SandboxModule } from "./sandbox.ts";

/** One thing wrong with a workflow's source; `line` and `column` are 1-based. */
export type WorkflowProblem = { message: string; line: number; column: number };

/** A workflow compiled for the sandbox. `sourceMap` (JSON text, version 3) leads back to the TypeScript. */
export type CompiledWorkflow = SandboxModule & { sourceMap: string };

/** The outcome of compiling: the module, or every problem found. */
export type Compilation = { ok: true; workflow: CompiledWorkflow } | { ok: false; problems: WorkflowProblem[] };

/** Compiles one TypeScript or JavaScript module, at save and never at run. Rejects only with `compiler_unavailable`. */
export type WorkflowCompiler = (source: string) => Promise<Compilation>;
