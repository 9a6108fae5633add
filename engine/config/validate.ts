import * as v from "valibot";
import { Config } from "../../schemas/config.ts";
import type { Issue } from "../../schemas/errors.ts";
import { defaultBudgets } from "../../schemas/workflow.ts";
import { budgetIssues, withinMaxima } from "../budgets.ts";
import type { CompiledWorkflow, WorkflowCompiler } from "../compiler.ts";
import type { Engine } from "../engine.ts";
import { issuesOf } from "../issues.ts";
import { sourcePosition } from "../sandbox/source-position.ts";
import type { SandboxOutcome } from "../sandbox.ts";
import { sandboxBusy, unavailable } from "../unavailable.ts";
import { acceptOlderWords } from "./older-words.ts";
import { referenceIssues } from "./references.ts";
import { schemaIssues } from "./schema-issues.ts";

/** A document that can be applied, with its workflows compiled; or everything that is wrong with it. */
export type Validation =
  | { ok: true; config: Config; workflows: Record<string, CompiledWorkflow> }
  | { ok: false; issues: Issue[] };

/** What validating needs: the compiler, and the sandbox that tells what a module exports. */
export type ValidationParts = { compile: WorkflowCompiler } & Pick<Engine, "sandbox" | "budgetMaxima">;

/**
 * Validates a whole document: its form, what refers to what, and every
 * workflow. What refers to what is looked at once the form is right; everything else is found in one go.
 */
export async function validateConfig(parts: ValidationParts, document: unknown): Promise<Validation> {
  const current = acceptOlderWords(document);
  const parsed = v.safeParse(Config, current);
  const sources = v.safeParse(WorkflowSources, current);
  const methods = sources.success ? sources.output.redemptionMethods : [];
  const checked = await Promise.all(
    methods.map(({ workflow }, i) => checkWorkflow(parts, workflow, `redemptionMethods.${i}.workflow`)),
  );
  const workflowIssues = checked.flatMap((check) => (check.ok ? [] : check.issues));
  const issues = parsed.success ? await documentIssues(parts, parsed.output) : issuesOf(parsed.issues);
  const all = [...issues, ...workflowIssues];
  if (!parsed.success || all.length > 0) return { ok: false, issues: all };
  const compiled = checked.flatMap((check) => (check.ok ? [check.workflow] : []));
  const workflows = Object.fromEntries(methods.map(({ slug }, i) => [slug, compiled[i]] as const).filter(isCompiled));
  return { ok: true, config: parsed.output, workflows };
}

async function documentIssues(parts: ValidationParts, config: Config): Promise<Issue[]> {
  const budgets = budgetIssues(config.budgets, parts.budgetMaxima);
  return [...referenceIssues(config), ...budgets, ...(await schemaIssues(parts, config))];
}

/** The workflows of a document, as far as they can be read: they are compiled even when the rest is not well-formed. */
const WorkflowSources = v.object({
  redemptionMethods: v.optional(v.array(v.object({ slug: v.string(), workflow: v.string() })), []),
});

function isCompiled(
  entry: readonly [string, CompiledWorkflow | undefined],
): entry is readonly [string, CompiledWorkflow] {
  return entry[1] !== undefined;
}

function topLevelProblem({ sourceMap }: CompiledWorkflow, outcome: SandboxOutcome): string {
  if (outcome.kind !== "threw") return `the module's top level failed: ${outcome.kind}`;
  const { message, line, column = 1 } = outcome.error;
  const at = line === undefined ? undefined : sourcePosition(sourceMap, { line, column });
  const where = at === undefined ? "" : `line ${at.line}, column ${at.column}: `;
  return `${where}the module's top level failed: ${message}`;
}

/** One workflow, checked: it compiles, imports nothing, and its default export is a function. */
export type WorkflowCheck = { ok: true; workflow: CompiledWorkflow } | { ok: false; issues: Issue[] };

/**
 * Compiles a workflow and runs its top level in the sandbox. Messages name line and column of the source. Throws
 * `sandbox_busy` when the sandbox cannot run it, `compiler_unavailable` when there is no compiler for it.
 */
export async function checkWorkflow(parts: ValidationParts, source: string, path: string): Promise<WorkflowCheck> {
  const compilation = await parts.compile(source);
  if (!compilation.ok) {
    const issues = compilation.problems.map(({ message, line, column }) => ({
      path,
      message: `line ${line}, column ${column}: ${message}`,
    }));
    return { ok: false, issues };
  }
  // a top level waits for nothing: only the sandbox itself may take long, to start or to find a place
  const budgets = { ...withinMaxima(defaultBudgets, parts.budgetMaxima), wallMs: defaultBudgets.wallMs };
  const inspection = await parts.sandbox.inspect(compilation.workflow, budgets);
  if (!inspection.ok) {
    const { outcome } = inspection;
    const refusal = unavailable(outcome);
    if (refusal !== null) throw sandboxBusy(`The workflow could not be checked: ${refusal.reason}`, refusal);
    return { ok: false, issues: [{ path, message: topLevelProblem(compilation.workflow, outcome) }] };
  }
  if (inspection.defaultExport === "function") return { ok: true, workflow: compilation.workflow };
  const message = `the default export must be a function, not ${inspection.defaultExport}`;
  return { ok: false, issues: [{ path, message }] };
}
