import * as v from "valibot";

/** Any JSON value (RFC 8259). Only values of this type cross the sandbox and the wire. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** A JSON object. */
export type JsonObject = { [key: string]: Json };

/** Deeper JSON is refused: what reads it recursively would run out of stack. */
const mostDepth = 100;
const tooDeep = `must be JSON, at most ${mostDepth} levels deep`;

/** Parses an unknown value as JSON; `undefined`, functions, symbols, `NaN` and infinities are refused. Keeps every key. */
export const Json: v.GenericSchema<Json> = v.custom<Json>((value) => isJson(value), tooDeep);

/** Parses an unknown value as a JSON object. */
export const JsonObject: v.GenericSchema<JsonObject> = v.custom<JsonObject>(
  (value) => isObject(value) && isJson(value),
  ({ input }) => (isObject(input) ? tooDeep : "must be an object"),
);

/** The same schema, but a list is no object to it: valibot's own take one for an empty object. */
export function notList<const T extends v.GenericSchema>(schema: T): T {
  return {
    ...schema,
    "~run": (dataset: v.UnknownDataset, config: v.Config<v.BaseIssue<unknown>>) =>
      schema["~run"](Array.isArray(dataset.value) ? { value: "a list" } : dataset, config),
  };
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** It runs on the event loop, over values of strangers: no lists are made on the way. */
function isJson(value: unknown, levels = mostDepth): boolean {
  if (typeof value !== "object" || value === null) return isScalar(value);
  if (levels === 0) return false;
  if (Array.isArray(value)) {
    for (const inner of value) if (!isJson(inner, levels - 1)) return false;
    return true;
  }
  for (const key of Object.keys(value)) if (!isJson(Reflect.get(value, key), levels - 1)) return false;
  return true;
}

function isScalar(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  return value === null || typeof value === "string" || typeof value === "boolean";
}
