import { Validator } from "@cfworker/json-schema";
import { expect } from "vitest";
import { type AdminRole, adminRoles, ensureAdminToken } from "../../engine/admin.ts";
import { type Answer, ask } from "./requests.ts";
import type { World } from "./world.ts";

/** What a management request may carry. `key` is the world's publisher's when left out, `env` its environment. */
type Managed = { key?: string | null; body?: unknown; headers?: Record<string, string>; env?: string };

/** Asks the management API. `route` is a method and what follows the environment: `GET members`. */
export function manage(world: World, route: string, { key, env, ...rest }: Managed = {}): Promise<Answer> {
  const [method = "", path = ""] = route.split(" ");
  const base = `/api/v1/manage/environments/${env ?? world.environmentId}`;
  return ask(world, method, `${base}/${path}`, { key: key === undefined ? world.adminToken : key, ...rest });
}

/** The token of a role, once `addRoles` has made it known. */
export function tokenOf(role: AdminRole): string {
  return `adm_${role}-of-the-tests-0123456789012345678901`;
}

/** Makes a token of every role known; its label is the role. */
export async function addRoles(world: World): Promise<void> {
  for (const role of adminRoles) await ensureAdminToken(world.engine, tokenOf(role), { label: role, role });
}

/** Expects a route to be closed to whoever has less than a role, and to whoever is no operator. */
export async function expectRole(world: World, route: string, needs: AdminRole, body?: unknown): Promise<void> {
  const send = (key: string | null) => manage(world, route, { key, ...(body === undefined ? {} : { body }) });
  for (const key of [null, "adm_unknown", world.secretKey, world.publicKey]) {
    expect((await send(key)).body, route).toMatchObject({ statusCode: 401, code: "invalid_admin_token" });
  }
  for (const role of adminRoles.slice(0, adminRoles.indexOf(needs))) {
    expect((await send(tokenOf(role))).body, route).toMatchObject({ statusCode: 403, code: "role_not_allowed" });
  }
  const { body: answer } = await send(tokenOf(needs));
  expect(answer.code, route).not.toBe("role_not_allowed");
}

/** Walks through a list to its end. `between` happens after each page but the last. */
export async function walk(
  world: World,
  { list, member = list, query = "", limit = 3 }: { list: string; member?: string; query?: string; limit?: number },
  between: () => Promise<unknown> = async () => undefined,
): Promise<{ id: string }[]> {
  const found: { id: string }[] = [];
  for (let cursor = ""; ; ) {
    const { status, text, body } = await manage(world, `GET ${list}?limit=${limit}${cursor}${query}`);
    expect(status, text).toBe(200);
    expect(body[member].length).toBeLessThanOrEqual(limit);
    found.push(...body[member]);
    if (body.next === null) return found;
    expect(body[member]).toHaveLength(limit);
    cursor = `&cursor=${body.next}`;
    await between();
  }
}

/** Expects an answer to be as `/openapi.json` says. `route` is as in `manage`, with its parameters in braces. */
export async function expectDocumented(world: World, route: string, answer: Answer): Promise<void> {
  expect(answer.status, answer.text).toBe(200);
  const [method = "", path = ""] = route.split(" ");
  const { body: document } = await ask(world, "GET", "/openapi.json", { key: null });
  const about = document.paths[`/api/v1/manage/environments/{environmentId}/${path}`]?.[method.toLowerCase()];
  const { schema } = about.responses[200].content["application/json"];
  const strict = JSON.parse(JSON.stringify({ ...schema, components: document.components }), closed);
  expect(new Validator(strict, "2020-12").validate(answer.body).errors, route).toEqual([]);
}

/** An answer has no member that is not documented. */
function closed(_key: string, value: unknown) {
  const isObject = typeof value === "object" && value !== null && "properties" in value;
  return isObject ? { ...value, additionalProperties: false } : value;
}
