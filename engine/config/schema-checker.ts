import { type OutputUnit, Validator } from "@cfworker/json-schema";

/** A schema of an operator's, and the values that it must fit. */
export type SchemaCheck = { schema: object; values: readonly unknown[] };

/** What does not fit, for each value: a path such as `items.0.name`, empty for the value itself; or why nothing can fit. */
export type SchemaVerdict = { problems: { path: string; message: string }[][] } | { unusable: string };

/** Of one value. Who mends these may see others the next time. */
const mostProblems = 20;

/**
 * Checks values against a JSON Schema (2020-12). It runs in the sandbox, because a schema is a program: its patterns may
 * backtrack, and its references multiply, for longer than anybody waits. Bundled into `engine/generated/schema-checker.ts`.
 */
export default function check({ schema, values }: SchemaCheck): SchemaVerdict {
  try {
    // what a run is given is frozen, and the validator notes addresses in the schema
    const validator = new Validator(JSON.parse(JSON.stringify(schema)), "2020-12", false);
    return { problems: values.map((value) => problemsIn(validator, value)) };
  } catch (error) {
    return { unusable: error instanceof Error ? error.message : `${error}` };
  }
}

function problemsIn(validator: Validator, value: unknown): { path: string; message: string }[] {
  const { errors } = validator.validate(value);
  return innermost(errors)
    .slice(0, mostProblems)
    .map(({ instanceLocation, error }) => ({
      path: instanceLocation.replace(/^#\/?/, "").replaceAll("/", "."),
      message: error.slice(0, 500),
    }));
}

/** Without the errors that only say that something inside is wrong. */
function innermost(errors: OutputUnit[]): OutputUnit[] {
  const parents = new Set<string>();
  for (const { instanceLocation } of errors) {
    for (let at = instanceLocation.lastIndexOf("/"); at > 0; at = instanceLocation.lastIndexOf("/", at - 1)) {
      parents.add(instanceLocation.slice(0, at));
    }
  }
  return errors.filter(({ instanceLocation }) => !parents.has(instanceLocation));
}
