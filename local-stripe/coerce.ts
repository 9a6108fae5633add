import type { Form } from "./form.ts";
import type { Json } from "./json.ts";

/** The part of JSON Schema that `generate-params.ts` writes. */
export interface ParamSchema {
  type?: string;
  properties?: Record<string, ParamSchema>;
  additionalProperties?: boolean | ParamSchema;
  items?: ParamSchema;
  anyOf?: ParamSchema[];
  enum?: Json[];
}

/**
 * Form strings as the values their schema wants: `"2"` is 2 where an integer is wanted and stays `"2"`
 * where a string is. What cannot be that value is left as it came, for the validator to refuse.
 */
export function coerce(value: string | Form, schema: ParamSchema): Json {
  if (schema.anyOf !== undefined) {
    return coerce(value, branchFor(value, schema.anyOf));
  }
  if (typeof value === "string") {
    return coerceText(value, schema);
  }
  if (schema.type === "array") {
    return coerceArray(value, schema.items ?? {});
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, coerce(member, memberSchema(schema, key))]),
  );
}

/** The schema of one member of an object, `{}` when it has none. */
export function memberSchema(schema: ParamSchema, key: string): ParamSchema {
  const known = Object.hasOwn(schema.properties ?? {}, key) ? schema.properties?.[key] : undefined;
  return known ?? (typeof schema.additionalProperties === "object" ? schema.additionalProperties : {});
}

function branchFor(value: string | Form, branches: ParamSchema[]): ParamSchema {
  const nested = typeof value === "object";
  const fits = branches.find(({ type, enum: values }) =>
    nested
      ? type === "object" || type === "array"
      : (values?.includes(value) ?? (type !== "object" && type !== "array")),
  );
  return fits ?? {};
}

function coerceText(value: string, { type }: ParamSchema): Json {
  if (type === "integer" && /^-?\d{1,15}$/.test(value)) {
    return Number(value);
  }
  if (type === "number" && /^-?\d{1,15}(\.\d{1,12})?$/.test(value)) {
    return Number(value);
  }
  if (type === "boolean" && (value === "true" || value === "false")) {
    return value === "true";
  }
  return value;
}

/** `d[0]=…&d[1]=…` is an array when its keys are 0, 1, 2 …; any other object stays one, and is refused. */
function coerceArray(value: Form, items: ParamSchema): Json {
  const keys = Object.keys(value);
  const inOrder = keys.every((key) => /^\d{1,4}$/.test(key));
  if (!inOrder) {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, coerce(member, items)]));
  }
  return keys.sort((a, b) => Number(a) - Number(b)).map((key) => coerce(value[key] ?? "", items));
}
