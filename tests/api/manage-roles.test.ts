import { eq } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type AdminRole, adminRoles, ensureAdminToken } from "../../engine/admin.ts";
import { sha256Hex } from "../../engine/digest.ts";
import { adminTokens, apiKeys, environments, signingKeys } from "../../schemas/tables.ts";
import { ask, decideFor } from "../fakes/requests.ts";
import { sampleConfig } from "../fakes/sample-config.ts";
import { createWorld, origin, type World } from "../fakes/world.ts";
import { expectRefusal, tracesOf } from "./answers.ts";

const tokens = {
  viewer: "adm_viewer-0123456789012345678901234567890123",
  editor: "adm_editor-0123456789012345678901234567890123",
  publisher: "adm_publisher-0123456789012345678901234567890",
  revoked: "adm_revoked-012345678901234567890123456789012",
};

let world: World;
let eventId: string;
let keyId: string;
beforeAll(async () => {
  world = await createWorld();
  for (const role of adminRoles) await ensureAdminToken(world.engine, tokens[role], { label: role, role });
  await ensureAdminToken(world.engine, tokens.revoked, { label: "revoked", role: "publisher" });
  await world.engine.storage.db
    .update(adminTokens)
    .set({ revokedAt: 1 })
    .where(eq(adminTokens.hash, await sha256Hex(tokens.revoked)));
  ({ eventId } = (await decideFor(world, { anonymousIdentifier: "anon_1" })).body);
});
afterAll(() => world.close());

/** A management route: who may use it, and how it is used rightly. `{env}` stands for the environment. */
type Route = { route: string; needs: AdminRole; body?: () => unknown };

const method = "{env}/redemption-methods/stripe-checkout";
const routes: Route[] = [
  { route: "GET ", needs: "viewer" },
  { route: "GET {env}/config", needs: "viewer" },
  { route: "GET {env}/versions", needs: "viewer" },
  { route: "GET {env}/keys", needs: "viewer" },
  { route: "GET {env}/integrations/stripe", needs: "viewer" },
  { route: "GET {env}/events/{event}", needs: "viewer" },
  { route: "PUT {env}/config?dryRun=true", needs: "editor", body: () => ({ variables: { A: "dry" } }) },
  { route: `POST ${method}/check`, needs: "editor", body: () => ({ workflow: "export default () => 1;" }) },
  { route: `POST ${method}/try`, needs: "editor", body: () => ({}) },
  { route: "PUT {env}/config", needs: "publisher", body: () => ({ ...sampleConfig(), variables: { A: "applied" } }) },
  { route: "PUT {env}/config?dryRun=1", needs: "publisher", body: () => sampleConfig() },
  { route: "POST ", needs: "publisher", body: () => ({ id: "env_made", name: "Made" }) },
  { route: "POST {env}/keys", needs: "publisher", body: () => ({ kind: "pk", label: "made" }) },
  { route: "DELETE {env}/keys/{key}", needs: "publisher" },
  { route: "POST {env}/signing-keys/rotate", needs: "publisher" },
  {
    route: "PUT {env}/integrations/stripe",
    needs: "publisher",
    body: () => ({ accountId: "acct_made", secretKey: "sk_test_made" }),
  },
  { route: "PUT {env}/secrets", needs: "publisher", body: () => ({ name: "MADE", value: "made-secret-value" }) },
];

async function send({ route, body }: Route, key: string | null, { env = "env_preview", headers = {} } = {}) {
  const [verb = "", path = ""] = route.split(" ");
  const filled = path.replace("{env}", `/${env}`).replace("{event}", eventId).replace("{key}", keyId);
  const url = `/api/v1/manage/environments${filled}`;
  return ask(world, verb, url, { key, headers, ...(body === undefined ? {} : { body: body() }) });
}

/** Everything that a management route could change. */
async function stateOf(): Promise<unknown> {
  const { db } = world.engine.storage;
  const counts = await Promise.all([environments, apiKeys, signingKeys, adminTokens].map((table) => db.$count(table)));
  return { counts, traces: await tracesOf(world), environments: await db.select().from(environments) };
}

beforeEach(async () => {
  const { body } = await ask(world, "POST", "/api/v1/manage/environments/env_preview/keys", {
    key: tokens.publisher,
    body: { kind: "sk", label: "to revoke" },
  });
  keyId = body.id;
});
afterEach(() => expect(world.faults.splice(0)).toEqual([]));

describe.each(routes)("$route", (route) => {
  const lower = adminRoles.slice(0, adminRoles.indexOf(route.needs));
  const enough = adminRoles.slice(adminRoles.indexOf(route.needs));

  test("is refused without a token, with one that is none, with a revoked one, and with an API key", async () => {
    const before = await stateOf();
    const none = { status: 401, code: "invalid_admin_token", message: "Invalid admin token" } as const;
    for (const key of [null, "adm_unknown", tokens.revoked, world.secretKey, world.publicKey]) {
      expectRefusal(await send(route, key), none);
    }
    expectRefusal(await send(route, world.publicKey, { headers: { origin } }), none);
    expect(await stateOf()).toEqual(before);
  });

  test(`needs the role ${route.needs}, and changes nothing for less`, async () => {
    const before = await stateOf();
    for (const role of lower) {
      expectRefusal(await send(route, tokens[role]), { status: 403, code: "role_not_allowed" });
    }
    expect(await stateOf()).toEqual(before);
    const [role = route.needs] = enough;
    const { status, body } = await send(route, tokens[role]);
    expect(body).toMatchObject({ status: "success" });
    expect(status).toBe(200);
  });
});

test.each(routes.filter(({ needs }) => needs === "viewer"))("$route is open to every role", async (route) => {
  for (const role of adminRoles) expect((await send(route, tokens[role])).status).toBe(200);
});

test.each(routes.filter(({ route }) => route.includes("{env}")))(
  "$route does not find an environment that is not",
  async (route) => {
    const before = await stateOf();
    const answer = await send(route, tokens.publisher, { env: "env_nowhere" });
    expectRefusal(answer, { status: 404, code: "environment_not_found" });
    expect(await stateOf()).toEqual(before);
  },
);

test.each(routes.filter(({ body }) => body !== undefined))(
  "$route refuses a body that is no JSON, and one that is too large",
  async (route) => {
    const before = await stateOf();
    const answer = await send({ ...route, body: () => "{" }, tokens.publisher);
    expectRefusal(answer, { status: 400, code: "invalid_json", message: "Invalid JSON body" });
    const large = await send({ ...route, body: () => ({ x: "x".repeat((4 << 20) + 1) }) }, tokens.publisher);
    expectRefusal(large, { status: 413, code: "body_too_large" });
    expect(await stateOf()).toEqual(before);
  },
);

describe("a key", () => {
  test("is shown once, when it is made, and only its hash is stored", async () => {
    const make: Route = { route: "POST {env}/keys", needs: "publisher", body: () => ({ kind: "sk", label: "shown" }) };
    const { body } = await send(make, tokens.publisher);
    expect(body.key).toMatch(/^sk_env_preview_[0-9A-Za-z]{40}$/);
    const { text } = await send({ route: "GET {env}/keys", needs: "viewer" }, tokens.viewer);
    expect(text).toContain(body.id);
    expect(text).not.toContain(body.key);
    const rows = JSON.stringify(await world.engine.storage.db.select().from(apiKeys));
    expect(rows).not.toContain(body.key);
    expect(rows).toContain(await sha256Hex(body.key));
  });

  test("works at once, and no longer once it is revoked", async () => {
    const make: Route = { route: "POST {env}/keys", needs: "publisher", body: () => ({ kind: "sk" }) };
    const { body } = await send(make, tokens.publisher);
    const decide = () =>
      ask(world, "POST", "/api/v1/surface-decisions", {
        key: body.key,
        body: { surfaceSlug: "web", identity: { createAnonymousIdentifier: true }, dryRun: true },
      });
    expect((await decide()).status).toBe(200);
    keyId = body.id;
    const revoke: Route = { route: "DELETE {env}/keys/{key}", needs: "publisher" };
    expect((await send(revoke, tokens.publisher)).status).toBe(200);
    expectRefusal(await decide(), { status: 401, code: "invalid_api_key", message: "Invalid API key" });
    expectRefusal(await send(revoke, tokens.publisher), { status: 404, code: "key_not_found" });
  });
});

describe("a secret", () => {
  test("is not in any answer of the management API", async () => {
    const stripe = { accountId: "acct_secret", secretKey: "sk_test_neverShown" };
    const put = (route: string, body: object) =>
      send({ route, needs: "publisher", body: () => body }, tokens.publisher);
    const answers = [
      await put("PUT {env}/secrets", { name: "TOP", value: "never-shown-value" }),
      await put("PUT {env}/integrations/stripe", stripe),
      await send({ route: "GET {env}/integrations/stripe", needs: "viewer" }, tokens.viewer),
      await send({ route: "GET {env}/config", needs: "viewer" }, tokens.viewer),
      await put("PUT {env}/secrets", { name: "1-wrong", value: "never-shown-value" }),
      await put("PUT {env}/integrations/stripe", { ...stripe, accountId: "wrong" }),
    ];
    for (const { text } of answers) expect(text).not.toMatch(/never-shown-value|neverShown/);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 400, 400]);
  });

  test("is masked in what a try shows of a workflow that prints it", async () => {
    const put = {
      route: "PUT {env}/secrets",
      needs: "publisher",
      body: () => ({ name: "TOP", value: "never-shown-value" }),
    } as const;
    await send(put, tokens.publisher);
    const workflow =
      "export default ({ env }) => { console.log(env.TOP); return { success: false, message: env.TOP }; };";
    const attempt: Route = { route: `POST ${method}/try`, needs: "editor", body: () => ({ workflow }) };
    const { status, text, body } = await send(attempt, tokens.editor);
    expect(status).toBe(200);
    expect(body.run.outcome).toBe("returned");
    expect(text).not.toContain("never-shown-value");
    const event = await ask(world, "GET", `/api/v1/events/${body.eventId}`);
    expect(event.status).toBe(200);
    expect(event.text).not.toContain("never-shown-value");
  });
});

describe("an environment", () => {
  const make = (id: unknown, name: unknown = "Name") =>
    send({ route: "POST ", needs: "publisher", body: () => ({ id, name }) }, tokens.publisher);

  test.each(["env", "env__a", "_env", "env_", "env_a_b", "Env_a", "env-a", "env_ä", "", 7])(
    "cannot be called %j",
    async (id) => {
      expectRefusal(await make(id), {
        status: 400,
        code: "invalid_body",
        more: { issues: [{ path: "id", message: expect.any(String) }] },
      });
    },
  );

  test("cannot be made twice", async () => {
    expect((await make("env_twice")).status).toBe(200);
    expectRefusal(await make("env_twice"), { status: 409, code: "environment_exists" });
  });
});
