import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { generateParamsSchema, paramsSchemaFile } from "../../local-stripe/generate-params.ts";

test("the committed parameter schemas are what the installed stripe-node says", () => {
  expect(generateParamsSchema() === readFileSync(paramsSchemaFile, "utf8")).toBe(true);
});

test("the schemas are closed: no open enum, no parameter that is not Stripe's", () => {
  const text = readFileSync(paramsSchemaFile, "utf8");
  expect(text).toContain('"mode":{"enum":["payment","setup","subscription"]}');
  expect(text).not.toContain('"additionalProperties":true');
  expect(text).not.toContain('"$ref"');
});
