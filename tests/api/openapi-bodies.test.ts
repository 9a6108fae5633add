import { Validator } from "@cfworker/json-schema";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { demoConfig } from "../../demo/config.ts";
import { ask } from "../fakes/requests.ts";
import { createWorld, type World } from "../fakes/world.ts";

const Specification = v.object({
  paths: v.record(
    v.string(),
    v.record(
      v.string(),
      v.object({
        tags: v.array(v.string()),
        requestBody: v.optional(
          v.object({
            content: v.object({
              "application/json": v.object({ schema: v.record(v.string(), v.unknown()), example: v.unknown() }),
            }),
          }),
        ),
      }),
    ),
  ),
});

type Reading = { name: string; method: string; path: string; schema: object; example: unknown };

let world: World;
let operations: Reading[];
beforeAll(async () => {
  const demo = { url: "https://scrip.test", accountId: "acct_world", premiumPriceId: "price_premium" };
  world = await createWorld({
    config: () => ({ ...demoConfig({ ...demo, jwks: { keys: [] } }), allowedOrigins: [demo.url] }),
  });
  const { body } = await ask(world, "GET", "/openapi.json", { key: null });
  operations = Object.entries(v.parse(Specification, body).paths).flatMap(([path, item]) =>
    Object.entries(item).flatMap(([verb, { requestBody }]) => {
      if (requestBody === undefined) return [];
      const method = verb.toUpperCase();
      return [{ name: `${method} ${path}`, method, path, ...requestBody.content["application/json"] }];
    }),
  );
});
afterAll(() => world.close());

const isManaged = (path: string) => path.startsWith("/api/v1/manage/");

/** What the addresses name. The rest need not be there: a body is parsed before it is looked up. */
const named: Record<string, string> = {
  environmentId: "env_preview",
  accountId: "acct_world",
  slug: "stripe-checkout",
};

function send({ method, path }: Reading, body: unknown) {
  const address = path.replaceAll(/\{(\w+)\}/g, (_, name) => named[name] ?? "none");
  return ask(world, method, address, { body, ...(isManaged(path) ? { key: world.adminToken } : {}) });
}

function operationOf(name: string): Reading {
  const operation = operations.find((one) => one.name === name);
  if (operation === undefined) throw new Error(`${name} reads no body`);
  return operation;
}

const accepts = (schema: object, value: unknown) => new Validator(schema, "2020-12").validate(value).valid;

/** The codes of a body that did not get past its schema. */
const refusals = ["invalid_json", "invalid_body", "config_invalid"];

/** What an example cannot know before the server runs; its body is accepted, and what it names is not there. */
const unknown: Record<string, string> = {
  "POST /api/v1/offer-redemptions": "token_malformed",
  "POST /api/v1/purchases/exchange": "purchase_token_invalid",
  "POST /api/v1/members/refresh": "member_session_ended",
  "PATCH /api/v1/manage/environments/{environmentId}/webhook-endpoints/{endpointId}": "webhook_endpoint_not_found",
  "POST /api/v1/manage/environments/{environmentId}/entitlements/{entitlementId}/revoke": "entitlement_not_found",
  "POST /api/v1/manage/environments/{environmentId}/purchases/{purchaseId}/refund": "purchase_not_found",
};

describe("the example of a body", () => {
  test("is there for every operation that reads one", () => {
    expect(operations.length).toBeGreaterThanOrEqual(20);
    for (const { name, example } of operations) expect(example, name).toBeTypeOf("object");
  });

  test("fits the schema beside it", () => {
    for (const { name, schema, example } of operations) expect(accepts(schema, example), name).toBe(true);
  });

  async function expectOffer(title: string): Promise<void> {
    const operation = operationOf("POST /api/v1/surface-decisions");
    const { status, body } = await send(operation, operation.example);
    expect(status, body.message).toBe(200);
    expect(body.offers).toMatchObject([{ presentation: { title } }]);
  }

  test("gets the offer of the demo's surface, for a decision", () => expectOffer("Premium Monthly"));

  test("is accepted by what parses the body, at every operation", async () => {
    // the configuration goes last: the demo's, which the others name, is no longer in force then
    for (const operation of operations.toSorted((one, other) => replacing(one) - replacing(other))) {
      const { name, example } = operation;
      // the same request gets as far as its body, and a body of another kind no further
      expect((await send(operation, "{")).body.code, name).toBe("invalid_json");
      expect(refusals, name).toContain((await send(operation, '"a text"')).body.code);
      const { status, body } = await send(operation, example);
      expect(refusals, `${name}: ${body.message}`).not.toContain(body.code);
      expect(status === 200 ? undefined : body.code, `${name}: ${body.message}`).toBe(unknown[name]);
    }
  });

  const replacing = ({ name }: Reading) => Number(name.startsWith("PUT ") && name.endsWith("/config"));

  test("gets an offer also of the configuration that is an example itself, which is in force now", () =>
    expectOffer("Monthly Digital"));
});

describe("a body that is refused", () => {
  const identity = { anonymousIdentifier: "visitor-1" };
  const everybody = {
    userIdentifier: "user_1",
    userJwt: "a.b.c",
    createAnonymousIdentifierFallback: true,
    anonymousIdentifier: "visitor-1",
    createAnonymousIdentifier: true,
  };
  const decision = "POST /api/v1/surface-decisions";
  const purchase = "POST /api/v1/purchases";
  const grant = "POST /api/v1/manage/environments/{environmentId}/entitlements";
  const config = "PUT /api/v1/manage/environments/{environmentId}/config";
  const keyed = { algorithms: ["ES256"], jwksUri: "https://news.example.com/jwks.json" };

  test.each([
    ["identity in no form", decision, { identity: {} }],
    ["identity in all forms at once", decision, { identity: everybody }],
    ["identity in two forms", decision, { identity: { ...identity, userIdentifier: "user_1" } }],
    ["a fallback without a JWT", decision, { identity: { ...identity, createAnonymousIdentifierFallback: true } }],
    ["a text as resource.meta", decision, { resource: { meta: "string" } }],
    ["a text as cloudflare.cf", decision, { cloudflare: { cf: "string" } }],
    ["a text as fastly", decision, { fastly: "string" }],
    ["a list as fastly", decision, { fastly: [] }],
    ["two words for the plan", purchase, { termId: "monthly" }],
    ["two names of a member", grant, { memberId: "mem_1" }],
    ["two ends of a grant", grant, { endedAt: "2027-01-01T00:00:00Z" }],
    ["keys of JWTs from nowhere", config, { userJwt: { algorithms: ["ES256"] } }],
    ["keys of JWTs from two places", config, { userJwt: { ...keyed, jwks: { keys: [] } } }],
    [
      "the private half of a key",
      config,
      { userJwt: { algorithms: ["ES256"], jwks: { keys: [{ kty: "EC", d: "x" }] } } },
    ],
    [
      "a text as an offer's presentation",
      config,
      { offers: [{ slug: "a", name: "A", method: "b", presentation: "x" }] },
    ],
  ])("is refused by its schema too: %s", async (_, name, change) => {
    const operation = operationOf(name);
    const body = { ...v.parse(v.looseObject({}), operation.example), ...change };
    expect(refusals).toContain((await send(operation, body)).body.code);
    expect(accepts(operation.schema, body)).toBe(false);
  });
});
