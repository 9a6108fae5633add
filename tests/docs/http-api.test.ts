import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { statusOf } from "../../api/errors.ts";
import { adminRoles, ensureAdminToken } from "../../engine/admin.ts";
import { errorCodes } from "../../schemas/error-codes.ts";
import { ask } from "../fakes/requests.ts";
import { createWorld, type World } from "../fakes/world.ts";
import { markedTable, plain, readDocument } from "./marked-blocks.ts";

const page = readDocument("docs/http-api.md");
const errors = markedTable(page, "errors").slice(1);
const routes = markedTable(page, "routes")
  .slice(1)
  .map(([route, caller = ""]) => {
    const [method = "", path = ""] = plain(route).split(" ");
    return { method, path, caller };
  });

let world: World;
beforeAll(async () => {
  world = await createWorld();
  for (const role of adminRoles) await ensureAdminToken(world.engine, tokenOf(role), { label: role, role });
});
afterAll(() => world.close());

/** Gets past every door and changes nothing. */
const notJson = "{";
const tokenOf = (role: string) => `adm_of-the-documents-test-${role}`;

describe("the table of errors", () => {
  test("has every code of the closed list, in its order", () => {
    expect(errors.map(([code]) => plain(code))).toEqual(errorCodes);
  });

  // these two are answers of a run, which come with a status of their own
  const ownStatus: Record<string, string> = { redemption_refused: "the workflow's", workflow_error: "531" };

  test.each(errorCodes)("has the status of %s", (code) => {
    const row = errors.find(([cell]) => plain(cell) === code);
    expect(row?.[1]).toBe(ownStatus[code] ?? String(statusOf[code]));
  });
});

describe("the table of routes", () => {
  test("has every route of the OpenAPI document", async () => {
    const { body } = await ask(world, "GET", "/openapi.json");
    const paths: [string, object][] = Object.entries(body.paths);
    const served = paths.flatMap(([path, methods]) => Object.keys(methods).map((m) => `${m.toUpperCase()} ${path}`));
    expect(routes.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(served.toSorted());
  });

  const managed = routes.filter(({ path }) => path.startsWith("/api/v1/manage/"));

  test.each(managed)("says which role $method $path needs", async ({ method, path, caller }) => {
    const role = adminRoles.find((one) => one === caller);
    if (role === undefined) throw new Error(`${caller} is no role`);
    for (const own of adminRoles) {
      const asked = path.replaceAll(/\{\w+\}/g, "env_preview");
      const body = method === "GET" || method === "DELETE" ? {} : { body: notJson };
      const { body: answer } = await ask(world, method, asked, { key: tokenOf(own), ...body });
      expect(answer.code === "role_not_allowed", own).toBe(adminRoles.indexOf(own) < adminRoles.indexOf(role));
    }
  });

  test.each(routes.filter(({ caller }) => caller.endsWith("key")))(
    "says that $method $path needs a $caller",
    async ({ method, path, caller }) => {
      const asked = path.replaceAll(/\{\w+\}/g, "x");
      const body = method === "GET" ? {} : { body: notJson };
      const nobody = await ask(world, method, asked, { key: null, ...body });
      expect(nobody.body.code).toBe("invalid_api_key");
      const headers = { origin: "https://news.example.com" };
      const page = await ask(world, method, asked, { key: world.publicKey, headers, ...body });
      expect(page.body.code === "secret_key_required").toBe(caller === "secret key");
    },
  );

  test.each(routes.filter(({ caller }) => caller === "nothing"))("says that $method $path is open", async (route) => {
    const { status, body } = await ask(world, route.method, route.path, { key: null });
    expect([401, 403]).not.toContain(status);
    expect(body?.code).not.toBe("not_found");
  });
});
