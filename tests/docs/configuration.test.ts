import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { toJsonSchema } from "@valibot/to-json-schema";
import * as v from "valibot";
import { expect, test } from "vitest";
import { readSettings } from "../../api/config.ts";
import { acceptOlderWords } from "../../engine/config/older-words.ts";
import { referenceIssues } from "../../engine/config/references.ts";
import { Config, StripeCheckoutValues } from "../../schemas/config.ts";
import { migrations } from "../../schemas/generated/migrations.ts";
import { markedBlock, markedTable, plain, readDocument, root } from "./marked-blocks.ts";

const page = readDocument("docs/configuration.md");

/** As much of JSON Schema as the configuration's fields need. */
type Schema = {
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  oneOf?: Schema[];
  anyOf?: Schema[];
  default?: unknown;
  const?: unknown;
};
const Schema: v.GenericSchema<Schema> = v.looseObject({
  properties: v.optional(
    v.record(
      v.string(),
      v.lazy(() => Schema),
    ),
  ),
  required: v.optional(v.array(v.string())),
  items: v.optional(v.lazy(() => Schema)),
  oneOf: v.optional(v.array(v.lazy(() => Schema))),
  anyOf: v.optional(v.array(v.lazy(() => Schema))),
});

const config = schemaOf(Config);
const stripe = schemaOf(StripeCheckoutValues);

function schemaOf(schema: v.GenericSchema): Schema {
  const made = toJsonSchema(schema, {
    errorMode: "ignore",
    typeMode: "input",
    overrideSchema: ({ valibotSchema, jsonSchema }) => (valibotSchema.type === "custom" ? {} : jsonSchema),
  });
  return v.parse(Schema, made);
}

/** The schema at a path such as `offers[].filters` or `experiences[] html`. */
function at(schema: Schema, path: string): Schema {
  const [where = "", variant] = path.split(" ");
  const found = where.split(/\.|(?=\[\])/).reduce<Schema | undefined>((inner, step) => {
    const object = inner?.anyOf?.find(({ properties, items }) => properties ?? items) ?? inner;
    return step === "[]" ? object?.items : object?.properties?.[step];
  }, schema);
  const picked = variant === undefined ? found : found?.oneOf?.find((one) => one.properties?.type?.const === variant);
  const object = picked?.anyOf?.find(({ properties }) => properties) ?? picked;
  if (object === undefined) throw new Error(`the configuration has no ${path}`);
  return object;
}

function fieldsOf(path: string): Schema {
  if (path === "document") return config;
  if (path === "stripe") return stripe;
  return path.startsWith("stripe.") ? at(stripe, path.slice("stripe.".length)) : at(config, path);
}

const tables = [...page.matchAll(/<!-- fields (.+?) -->/g)].map(([, path = ""]) => path);

test.each(tables)("the table of %s has its fields in their order, each with its default", (path) => {
  const { properties = {}, required = [] } = fieldsOf(path);
  const fields = Object.entries(properties).map(([name, field]) => {
    if (required.includes(name)) return [name, "needed"];
    return [name, "default" in field ? JSON.stringify(field.default) : "—"];
  });
  const written = markedTable(page, `fields ${path}`)
    .slice(1)
    .map(([name, value]) => [plain(name), plain(value)]);
  expect(written).toEqual(fields);
});

test("the example can be applied", () => {
  const document: unknown = JSON.parse(markedBlock(page, "example"));
  expect(acceptOlderWords(document)).toEqual(document);
  expect(referenceIssues(v.parse(Config, document))).toEqual([]);
});

test("the table of the server's variables is what the server reads, with its defaults", () => {
  const source = readFileSync(join(root, "api/config.ts"), "utf8");
  const read = [...source.matchAll(/^ {4}([A-Z_]+): v\.optional\((.*)$/gm)].map(([, name = "", rest = ""]) => [
    name,
    /, "([^"]*)"\),$/.exec(rest)?.[1] ?? "",
  ]);
  const written = markedTable(page, "variables server").slice(1);
  expect(written.map(([name, value]) => [plain(name), plain(value)])).toEqual(read);
});

test("production demands the settings that the table says it needs", () => {
  const production = readSettings({ NODE_ENV: "production" });
  const named = production.ok ? [] : production.problems.map((problem) => problem.split(" ")[0]);
  const needed = markedTable(page, "variables server").filter(([, , meaning]) =>
    meaning?.includes("needed in production"),
  );
  expect(needed.map(([name]) => plain(name)).toSorted()).toEqual(named.toSorted());
});

test("the table of the command's variables is what the command reads", () => {
  const files = globSync("cli/*.ts", { cwd: root });
  const read = files.flatMap((file) =>
    [...readFileSync(join(root, file), "utf8").matchAll(/\benv\.([A-Z_]+)/g)].map(([, name = ""]) => name),
  );
  const written = markedTable(page, "variables command").flatMap(([names]) => names?.match(/[A-Z_]{4,}/g) ?? []);
  expect([...written, "DATA_DIR"].toSorted()).toEqual([...new Set(read)].toSorted());
});

test("the table of tables in ARCHITECTURE.md is what the migrations make", () => {
  const created = migrations.flatMap(({ statements }) =>
    statements.flatMap((statement) => /^CREATE TABLE `(\w+)`/.exec(statement)?.[1] ?? []),
  );
  const written = markedTable(readDocument("ARCHITECTURE.md"), "tables").slice(1);
  expect(written.map(([name]) => plain(name)).toSorted()).toEqual([...new Set(created)].toSorted());
});
