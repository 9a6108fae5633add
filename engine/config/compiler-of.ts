import type { WorkflowCompiler } from "../compiler.ts";
import type { Engine } from "../engine.ts";
import { ScripError } from "../error.ts";

/**
 * The compiler for an environment's workflows. Where the runtime has none it knows those of the configuration in force, word
 * for word, and rejects with `compiler_unavailable` for every other source: the rest of a configuration can be changed there.
 */
export async function compilerOf(
  { compile, environments }: Pick<Engine, "compile" | "environments">,
  environmentId: string,
): Promise<WorkflowCompiler> {
  if (compile !== null) return compile;
  const environment = await environments.get(environmentId);
  const methods = environment?.compiled.config.redemptionMethods ?? [];
  return async (source) => {
    const same = methods.find(({ workflow }) => workflow === source);
    const known = same && environment?.compiled.methods.get(same.slug);
    if (known !== undefined) return { ok: true, workflow: known.workflow };
    throw new ScripError(
      "compiler_unavailable",
      "This server cannot compile workflows: push a new or changed one to a Node server on the same database",
    );
  };
}
