import { Validator } from "@cfworker/json-schema";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask, decideFor, redeemAs } from "../fakes/requests.ts";
import { createWorld, type World } from "../fakes/world.ts";

type Operation = {
  summary?: string;
  tags?: string[];
  security?: Record<string, unknown>[];
  requestBody?: { content: Record<string, { schema: object }> };
  parameters?: { name: string; in: string; required?: boolean }[];
  responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>;
};
type Specification = {
  openapi: string;
  info: Record<string, unknown>;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas?: Record<string, object>; securitySchemes: Record<string, object> };
};

let world: World;
let specification: Specification;
let text: string;
beforeAll(async () => {
  world = await createWorld();
  const answer = await ask(world, "GET", "/openapi.json", { key: null });
  text = answer.text;
  specification = answer.body;
});
afterAll(() => world.close());

/** The document itself, its page and the browser client are no part of the API. */
const pages = ["/openapi.json", "/docs", "/docs/start.js", "/client.js", "/client.mjs", "/client.d.ts"];
/** Where a browser is sent on. */
const redirects = { "GET /api/v1/purchases/return": true };
const verbs = ["get", "post", "put", "patch", "delete"];

const operations = (): [string, Operation][] =>
  Object.entries(specification.paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([verb]) => verbs.includes(verb))
      .map(([verb, operation]): [string, Operation] => [`${verb.toUpperCase()} ${path}`, operation]),
  );

function schemaOf(name: string, status: number): object {
  const operation = operations().find(([own]) => own === name)?.[1];
  const schema = operation?.responses[status]?.content?.["application/json"]?.schema;
  if (schema === undefined) throw new Error(`${name} documents no ${status}`);
  return { ...schema, components: specification.components };
}

const problems = (schema: object, value: unknown) => new Validator(schema, "2020-12").validate(value).errors;

describe("/openapi.json", () => {
  test("is an OpenAPI 3.1 document with a title and a version", () => {
    expect(specification.openapi).toMatch(/^3\.1\.\d+$/);
    expect(specification.info).toMatchObject({
      title: expect.stringMatching(/\S/),
      version: expect.stringMatching(/\d/),
    });
  });

  test("covers every route of the app, and no other", () => {
    const routes = world.app.routes
      .filter(({ method, path }) => method !== "ALL" && !path.includes("*") && !pages.includes(path))
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}").replace(/(.)\/$/, "$1")}`);
    expect(routes.length).toBeGreaterThan(15);
    const documented = operations().map(([name]) => name);
    expect(documented.toSorted()).toEqual([...new Set(routes)].toSorted());
  });

  test("says for every operation what it does, to whom it answers, and what goes wrong", () => {
    for (const [name, { summary, tags, security, responses }] of operations()) {
      expect(summary, name).toMatch(/\S.{5,}/);
      expect(tags, name).toHaveLength(1);
      expect(security, name).toBeInstanceOf(Array);
      expect(Object.keys(responses), name).toContain(name in redirects ? "303" : "200");
      const named = (security ?? []).flatMap((scheme) => Object.keys(scheme));
      expect(Object.keys(specification.components.securitySchemes), name).toEqual(expect.arrayContaining(named));
      if (named.length > 0) expect(Object.keys(responses), name).toContain("401");
      for (const [status, response] of Object.entries(responses)) {
        expect(response.description, `${name} ${status}`).toMatch(/\S/);
        if (status === "303") continue;
        expect(response.content?.["application/json"]?.schema, `${name} ${status}`).toBeTypeOf("object");
      }
    }
  });

  test("names every parameter of every path", () => {
    for (const [name, { parameters = [] }] of operations()) {
      const inPath = [...name.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
      const described = parameters.filter((parameter) => parameter.in === "path");
      expect(described.map((parameter) => parameter.name).toSorted(), name).toEqual(inPath.toSorted());
      expect(
        described.every(({ required }) => required === true),
        name,
      ).toBe(true);
    }
  });

  test("has a body for every operation that reads one, and says that it may be too large", () => {
    const reading = operations().filter(([, { requestBody }]) => requestBody !== undefined);
    expect(reading.map(([name]) => name)).toEqual(
      expect.arrayContaining(["POST /api/v1/surface-decisions", "POST /api/v1/offer-redemptions"]),
    );
    for (const [name, { requestBody, responses }] of reading) {
      expect(requestBody?.content["application/json"]?.schema, name).toBeTypeOf("object");
      expect(Object.keys(responses), name).toEqual(expect.arrayContaining(["400", "413"]));
    }
  });

  test("refers to nothing that is not in it", () => {
    for (const [, reference = ""] of text.matchAll(/"\$ref":"([^"]*)"/g)) {
      expect(reference).toMatch(/^#\//);
      const found = reference
        .slice(2)
        .split("/")
        .reduce<unknown>(
          (at, part) => (typeof at === "object" && at !== null ? Reflect.get(at, part) : undefined),
          specification,
        );
      expect(found, reference).toBeTypeOf("object");
    }
  });

  test("describes the decision and the redemption that are answered", async () => {
    const identity = { userIdentifier: "buyer@example.com" };
    const { body: decision } = await decideFor(world, identity, { explain: true });
    expect(problems(schemaOf("POST /api/v1/surface-decisions", 200), decision)).toEqual([]);
    const { body: redemption } = await redeemAs(world, identity, decision.offers[0].token);
    expect(problems(schemaOf("POST /api/v1/offer-redemptions", 200), redemption)).toEqual([]);
    const { body: event } = await ask(world, "GET", `/api/v1/events/${decision.eventId}`);
    expect(problems(schemaOf("GET /api/v1/events/{eventId}", 200), event)).toEqual([]);
  });

  test("describes the errors that are answered", async () => {
    const { body } = await decideFor(world, {});
    expect(problems(schemaOf("POST /api/v1/surface-decisions", 400), body)).toEqual([]);
  });

  test("refuses by its schema an answer that lacks a member", async () => {
    const { body } = await decideFor(world, { createAnonymousIdentifier: true });
    const { offers: _offers, ...rest } = body;
    expect(problems(schemaOf("POST /api/v1/surface-decisions", 200), rest)).not.toEqual([]);
  });
});

describe("/docs", () => {
  test("loads nothing from elsewhere", async () => {
    const { status, text: page, headers } = await ask(world, "GET", "/docs", { key: null });
    const { text: script } = await ask(world, "GET", "/docs/start.js", { key: null });
    expect(status).toBe(200);
    expect(headers.get("content-type")).toContain("text/html");
    expect(page).toContain('src="/docs/start.js"');
    for (const content of [page, script]) expect(content).not.toMatch(/(?:https?:)?\/\/[a-z0-9]/i);
  });

  test("has a policy under which only its own scripts run", async () => {
    const { headers, text: page } = await ask(world, "GET", "/docs", { key: null });
    const policy = Object.fromEntries(
      (headers.get("content-security-policy") ?? "").split(";").map((directive) => {
        const [name = "", ...sources] = directive.trim().split(/\s+/);
        return [name, sources];
      }),
    );
    expect(policy["default-src"]).toEqual(["'self'"]);
    expect(policy["script-src"] ?? ["'self'"]).toEqual(["'self'"]);
    expect(policy["frame-ancestors"]).toEqual(["'none'"]);
    expect(policy["base-uri"]).toEqual(["'none'"]);
    expect(Object.values(policy).flat().join(" ")).not.toMatch(/unsafe-eval|\*|https?:/);
    expect(page).not.toMatch(/<script>|<script(?![^>]*\ssrc=)|\son\w+=/i);
  });
});
