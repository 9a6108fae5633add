import * as v from "valibot";
import type { Config } from "../../schemas/config.ts";
import type { Issue } from "../../schemas/errors.ts";
import type { JsonObject } from "../../schemas/json.ts";
import { type Budgets, defaultBudgets } from "../../schemas/workflow.ts";
import { sha256Hex } from "../digest.ts";
import type { Engine } from "../engine.ts";
import { ScripError } from "../error.ts";
import { schemaChecker } from "../generated/schema-checker.ts";
import type { SandboxOutcome } from "../sandbox.ts";

type Schema = Config["schemas"][number];

/** A value of the document that must fit a schema. */
type Value = { path: string; value: JsonObject };

/** Time for some thousand values of an ordinary schema, and no longer than redemptions may wait behind it. */
const budgets: Budgets = {
  ...defaultBudgets,
  wallMs: 10_000,
  cpuMs: 1000,
  memoryBytes: 96 << 20,
  outboundCalls: 0,
  resultBytes: 1 << 20,
};

/**
 * Every value of a well-formed document that does not fit its JSON Schema, each with its path. Asks the sandbox, one schema
 * after the other. Throws `sandbox_busy` when it cannot be asked.
 */
export async function schemaIssues({ sandbox }: Pick<Engine, "sandbox">, config: Config): Promise<Issue[]> {
  const issues: Issue[] = [];
  for (const [i, schema] of config.schemas.entries()) {
    const values = valuesOf(config, schema);
    if (values.length > 0) issues.push(...(await check(sandbox, { schema, values, at: `schemas.${i}.jsonSchema` })));
  }
  return issues;
}

/** What of the document is to fit a schema. */
function valuesOf(config: Config, { id, purpose }: Schema): Value[] {
  if (purpose === "experience") {
    return config.experiences.flatMap((experience, i) =>
      experience.type === "app" && experience.schema === id
        ? [{ path: `experiences.${i}.props`, value: experience.props }]
        : [],
    );
  }
  const methods = new Set(config.redemptionMethods.filter(({ schema }) => schema === id).map(({ slug }) => slug));
  return config.offers.flatMap((offer, i) => {
    if (purpose === "offer-redemption") {
      return methods.has(offer.method) ? [{ path: `offers.${i}.redemption`, value: offer.redemption }] : [];
    }
    return offer.presentationSchema === id ? [{ path: `offers.${i}.presentation`, value: offer.presentation }] : [];
  });
}

type Asked = { schema: Schema; values: Value[]; at: string };

const Verdict = v.union([
  v.object({ problems: v.array(v.array(v.object({ path: v.string(), message: v.string() }))) }),
  v.object({ unusable: v.string() }),
]);

async function check(sandbox: Engine["sandbox"], { schema, values, at }: Asked): Promise<Issue[]> {
  const input = { schema: schema.jsonSchema, values: values.map(({ value }) => value) };
  // a schema that breaks its sandbox makes no other schema wait
  const tenant = `schema:${await sha256Hex(JSON.stringify(schema.jsonSchema))}`;
  const module = { codeHash: await sha256Hex(schemaChecker), script: schemaChecker };
  const { outcome } = await sandbox.run({ runId: crypto.randomUUID(), tenant, module, input, budgets }, async () => ({
    ok: false,
    error: { name: "Error", message: "a schema asks nobody" },
  }));
  if (outcome.kind !== "returned") return [{ path: at, message: failureOf(outcome) }];
  const verdict = v.parse(Verdict, outcome.value);
  if ("unusable" in verdict) return [{ path: at, message: `not a usable JSON Schema: ${verdict.unusable}` }];
  return verdict.problems.flatMap((problems, i) => {
    const base = values[i]?.path ?? at;
    return problems.map(({ path, message }) => ({ path: path === "" ? base : `${base}.${path}`, message }));
  });
}

function failureOf(outcome: Exclude<SandboxOutcome, { kind: "returned" }>): string {
  switch (outcome.kind) {
    case "cancelled":
    case "host-failure":
      throw new ScripError("sandbox_busy", "The schemas could not be checked just now: try again", {
        retryAfterSeconds: 1,
        cause: outcome.message,
      });
    case "threw":
      return `not a usable JSON Schema: ${outcome.error.message}`;
    case "refused":
      return "far too much of the document does not fit it";
    default:
      return "it cannot be checked: a pattern backtracks, or references multiply, for longer than anybody waits";
  }
}
