import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createGenerator, type Schema } from "ts-json-schema-generator";

/** Where the committed schemas are. */
export const paramsSchemaFile = fileURLToPath(new URL("./generated/params.json", import.meta.url));

/**
 * JSON Schemas of every endpoint's parameters, made from stripe-node's own types through `params.ts`:
 * closed objects, closed enums (`OtherString` removed), integers unless Stripe says decimal, and no
 * empty strings unless Stripe lets the parameter be unset. One line per endpoint.
 */
export function generateParamsSchema(): string {
  const root = createGenerator({
    path: fileURLToPath(new URL("./params.ts", import.meta.url)),
    tsconfig: fileURLToPath(new URL("../tsconfig.json", import.meta.url)),
    type: "Params",
    skipTypeCheck: true,
    additionalProperties: false,
    expose: "all",
    topRef: false,
    jsDoc: "none",
  }).createSchema("Params");
  const definitions = new Map(Object.entries(root.definitions ?? {}));
  definitions.set("OtherString", { not: {} });
  definitions.set("Decimal", { type: "string", pattern: "^-?\\d+(\\.\\d{1,12})?$" });
  const lines = Object.entries(root.properties ?? {})
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, schema]) => `  ${JSON.stringify(name)}: ${JSON.stringify(closed(schema, name, definitions))}`);
  return `{\n${lines.join(",\n")}\n}\n`;
}

type Node = Schema | boolean;

/** Number parameters that Stripe documents as decimals; every other number is an integer. */
const decimals = new Set(["application_fee_percent", "height", "length", "percent_off", "weight", "width"]);

function closed(node: Node, name: string, definitions: Map<string, Node>): Node {
  if (typeof node === "boolean") {
    return node;
  }
  if (node.$ref !== undefined) {
    const target = definitions.get(decodeURIComponent(node.$ref.replace("#/definitions/", "")));
    if (target === undefined) {
      throw new Error(`No definition for ${node.$ref}`);
    }
    return closed(target, name, definitions);
  }
  if (node.anyOf !== undefined) {
    return union(node.anyOf.map((branch) => closed(branch, name, definitions)));
  }
  if (Array.isArray(node.enum)) {
    return { enum: node.enum.filter((value) => value !== null) };
  }
  if (node.const !== undefined) {
    return { enum: [node.const] };
  }
  if (Array.isArray(node.type)) {
    return { type: "string" };
  }
  if (node.type === "object") {
    return closedObject(node, definitions);
  }
  if (node.type === "array" && node.items !== undefined && !Array.isArray(node.items)) {
    return { type: "array", items: closed(node.items, name, definitions) };
  }
  if (node.type === "number") {
    return { type: decimals.has(name) ? "number" : "integer" };
  }
  return node.type === "string" && node.pattern === undefined ? { type: "string", minLength: 1 } : node;
}

function closedObject(node: Schema, definitions: Map<string, Node>): Schema {
  const entries = Object.entries(node.properties ?? {});
  const extra = node.additionalProperties ?? false;
  return {
    type: "object",
    ...(entries.length > 0 && {
      properties: Object.fromEntries(entries.map(([key, value]) => [key, closed(value, key, definitions)])),
    }),
    ...(node.required !== undefined && { required: node.required }),
    additionalProperties: typeof extra === "boolean" ? extra : closed(extra, "", definitions),
  };
}

/** A form has no `null`, and a branch that matches nothing says nothing: one enum and the rest are left. */
function union(branches: Node[]): Node {
  const schemas = branches
    .filter((branch) => typeof branch !== "boolean")
    .filter(({ not, type }) => !not && type !== "null");
  const values = schemas.flatMap((schema) => schema.enum ?? []);
  const rest = schemas.filter((schema) => schema.enum === undefined);
  if (values.includes("") && rest.some(({ type }) => type === "string")) {
    return { type: "string" };
  }
  const options = values.length > 0 ? [{ enum: values }, ...rest] : rest;
  const [only] = options;
  return options.length === 1 && only !== undefined ? only : { anyOf: options };
}

if (import.meta.main) {
  writeFileSync(paramsSchemaFile, generateParamsSchema());
}
