import type { Budgets } from "../schemas/workflow.ts";
import type { Engine } from "./engine.ts";
import type { Environment } from "./environments.ts";
import { tenantName } from "./tenants.ts";

/** A redemption method as an operator sees it. `resting` is of this process: until when, and how many processes it ended. */
export type ShownMethod = {
  id: string;
  slug: string;
  name: string;
  schema: string | null;
  codeHash: string;
  resting: { until: string; kills: number } | null;
};

/** The methods in force, in the order of the configuration, and the budgets that their runs get. */
export function listMethods(
  { sandbox, now }: Engine,
  { id, compiled }: Environment,
): { version: number; budgets: Budgets; methods: ShownMethod[] } {
  const rests = new Map(sandbox.resting().map((rest) => [rest.tenant, rest]));
  const nowMs = now();
  const methods = compiled.config.redemptionMethods.flatMap(({ slug, name }) => {
    const method = compiled.methods.get(slug);
    if (method === undefined) return [];
    const rest = rests.get(tenantName({ purpose: "redeem", environmentId: id, methodSlug: slug }));
    const resting =
      rest === undefined ? null : { until: new Date(nowMs + rest.leftMs).toISOString(), kills: rest.kills };
    return [{ id: method.id, slug, name, schema: method.schema, codeHash: method.workflow.codeHash, resting }];
  });
  return { version: compiled.version, budgets: compiled.config.budgets, methods };
}
