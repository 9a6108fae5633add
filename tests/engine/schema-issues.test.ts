import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { generate } from "../../engine/config/generate-schema-checker.ts";
import { ask } from "../fakes/requests.ts";
import { method, sampleConfig } from "../fakes/sample-config.ts";
import { createWorld, type World } from "../fakes/world.ts";

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

/** A document whose offers' redemption must fit a schema. */
function documentOf(jsonSchema: unknown, redemptions: Record<string, unknown>[]) {
  const sample = sampleConfig();
  return {
    ...sample,
    schemas: [{ id: "acme:gift@1.0", purpose: "offer-redemption", jsonSchema }],
    redemptionMethods: [method("gift", "export default () => ({ success: true });", "acme:gift@1.0")],
    offers: redemptions.map((redemption, i) => ({ slug: `gift-${i}`, name: "Gift", method: "gift", redemption })),
    experiences: [],
    surfaces: [],
  };
}

/** The problems that a dry run of a document finds. */
async function issuesOf(
  jsonSchema: unknown,
  redemptions: Record<string, unknown>[] = [{ code: `${"a".repeat(40)}!` }],
) {
  const path = `/api/v1/manage/environments/${world.environmentId}/config?dryRun=true`;
  const { status, body, text } = await ask(world, "PUT", path, {
    key: world.adminToken,
    body: documentOf(jsonSchema, redemptions),
  });
  expect([200, 422], text).toContain(status);
  return body.issues ?? [];
}

test("the checker that is committed is made of the sources", async () => {
  const committed = readFileSync(new URL("../../engine/generated/schema-checker.ts", import.meta.url), "utf8");
  expect(committed).toBe(await generate());
});

test("values that fit have no problems, and of the others each is told by its place", async () => {
  const schema = {
    properties: { code: { type: "string", pattern: "^[A-Z]+$" }, items: { items: { required: ["n"] } } },
    required: ["code"],
  };
  expect(await issuesOf(schema, [{ code: "ABC", items: [{ n: 1 }] }])).toEqual([]);
  const issues = await issuesOf(schema, [{ code: "ABC" }, { code: "abc", items: [{ n: 1 }, {}] }, {}]);
  expect(issues.map(({ path }: { path: string }) => path)).toEqual([
    "offers.1.redemption.code",
    "offers.1.redemption.items.1",
    "offers.2.redemption",
  ]);
});

const doubling = Object.fromEntries(
  Array.from({ length: 40 }, (_, i) => [
    `d${i}`,
    { allOf: [{ $ref: `#/$defs/d${i + 1}` }, { $ref: `#/$defs/d${i + 1}` }] },
  ]),
);

describe("a schema that would be checked for ever is a problem of the schema, and nobody waits for it", () => {
  test.each([
    ["a pattern that backtracks", { properties: { code: { pattern: "^(a+)+$" } } }],
    [
      "one for names",
      { patternProperties: { "^(c?o?d?e?|.)*!$": {} }, properties: { [`${"a".repeat(40)}`]: {} } },
      [{ [`${"code".repeat(12)}?`]: 1 }],
    ],
    [
      "one behind a reference",
      { $ref: "#/$defs/x", $defs: { x: { properties: { code: { anyOf: [{ pattern: "(.*)*y$" }] } } } } },
    ],
    ["references that double", { $ref: "#/$defs/d0", $defs: { ...doubling, d40: { type: "object" } } }],
  ])("%s", async (_what, schema, redemptions?: Record<string, unknown>[]) => {
    let turns = 0;
    const turning = setInterval(() => {
      turns += 1;
    }, 5);
    const issues = await issuesOf(schema, redemptions);
    clearInterval(turning);
    expect(issues).toEqual([
      { path: "schemas.0.jsonSchema", message: expect.stringMatching(/^it cannot be checked: a pattern backtracks/) },
    ]);
    // it took seconds of somebody else's
    expect(turns).toBeGreaterThan(20);
  });

  test.each([
    ["a reference to itself", { $ref: "#" }],
    ["a pattern that is none", { properties: { code: { pattern: "(" } } }],
    ["a reference to nowhere", { $ref: "#/$defs/none" }],
  ])("%s", async (_what, schema) => {
    expect(await issuesOf(schema)).toEqual([
      { path: "schemas.0.jsonSchema", message: expect.stringMatching(/^not a usable JSON Schema: ./) },
    ]);
  });
});

test("a schema that nothing uses is not run", async () => {
  expect(await issuesOf({ pattern: "^(a+)+$" }, [])).toEqual([]);
});
