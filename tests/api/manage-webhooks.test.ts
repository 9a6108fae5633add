import { readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { adminRoles, ensureAdminToken } from "../../engine/admin.ts";
import { createEnvironment } from "../../engine/create-environment.ts";
import { deliverDue } from "../../engine/webhooks/deliver.ts";
import { webhookTypes } from "../../schemas/webhooks.ts";
import { onServer } from "../fakes/database.ts";
import {
  askWebhooks,
  createReceiver,
  deliveriesOf,
  isSignedBy,
  makeEndpoint,
  memberCreated,
  type Receiver,
  tellAll,
} from "../fakes/receiver.ts";
import { ask } from "../fakes/requests.ts";
import { createWorld, type World } from "../fakes/world.ts";
import { expectRefusal } from "./answers.ts";

let world: World;
let receiver: Receiver;
beforeAll(async () => {
  receiver = createReceiver();
  world = await createWorld({ publicFetch: receiver.fetch });
  for (const role of adminRoles) await ensureAdminToken(world.engine, `adm_${role}-of-webhooks`, { label: role, role });
});
afterEach(async () => {
  for (const { id } of (await askWebhooks(world, "GET")).body.endpoints) await askWebhooks(world, "DELETE", `/${id}`);
  receiver.received.length = 0;
  receiver.reply = () => new Response(null, { status: 204 });
  expect(world.faults.splice(0)).toEqual([]);
});
afterAll(() => world.close());

const url = "https://hooks.test/in";

describe("an endpoint", () => {
  test("is made with its defaults, and its secret is shown this once", async () => {
    const { status, body } = await askWebhooks(world, "POST", "", { url });
    expect(status).toBe(200);
    const { secret, ...rest } = body;
    expect(rest).toEqual({
      status: "success",
      endpoint: {
        id: expect.stringMatching(/^we_[0-9A-Za-z]{16}$/),
        url,
        description: "",
        types: [],
        enabled: true,
        createdAt: "2026-03-01T12:00:00.000Z",
        disabledAt: null,
        disabledReason: null,
        previousSecretUntil: null,
      },
    });
    expect(secret).toMatch(/^whsec_[\w+/]{43}=$/);
    expect((await askWebhooks(world, "GET")).body).toEqual({ status: "success", endpoints: [body.endpoint] });
  });

  test("is made as it is wished for", async () => {
    const wishes = { url, description: "CRM", types: ["member.created", "member.created", "ping"], enabled: false };
    const { body } = await askWebhooks(world, "POST", "", wishes);
    expect(body.endpoint).toMatchObject({ ...wishes, types: ["member.created", "ping"], disabledReason: "operator" });
    await tellAll(world, [memberCreated()]);
    expect(await deliverDue(world.engine)).toBe(0);
  });

  test("may want every type that there is", async () => {
    expect((await askWebhooks(world, "POST", "", { url, types: webhookTypes })).status).toBe(200);
  });

  test.each([
    ["http", { url: "http://hooks.test/" }],
    ["another scheme", { url: "ftp://hooks.test/" }],
    ["no scheme", { url: "hooks.test" }],
    ["credentials", { url: "https://user:pass@hooks.test/" }],
    ["a user", { url: "https://user@hooks.test/" }],
    ["a fragment", { url: "https://hooks.test/#top" }],
    ["3 KB", { url: `https://hooks.test/${"x".repeat(3000)}` }],
    ["a number", { url: 7 }],
    ["nothing", {}],
  ])("is refused with a URL of %s", async (_, wishes) => {
    const answer = await askWebhooks(world, "POST", "", wishes);
    const issues = [{ path: "url", message: expect.any(String) }];
    expectRefusal(answer, { status: 400, code: "invalid_body", more: { issues } });
  });

  test.each([
    ["types", { types: ["purchase.dreamt"] }],
    ["types", { types: "ping" }],
    ["description", { description: "x".repeat(201) }],
    ["enabled", { enabled: "yes" }],
    ["secret", { secret: "whsec_mine" }],
  ])("is refused, made or changed, with wrong %s", async (member, wrong) => {
    const { id } = await makeEndpoint(world);
    for (const answer of [
      await askWebhooks(world, "POST", "", { url, ...wrong }),
      await askWebhooks(world, "PATCH", `/${id}`, wrong),
    ]) {
      expect(answer.body.issues[0].path.split(".")[0]).toBe(member);
      expect(answer).toMatchObject({ status: 400, body: { code: "invalid_body" } });
    }
  });

  test("is one of twenty at most, however many ask at once", async () => {
    const answers = await Promise.all(Array.from({ length: 25 }, () => askWebhooks(world, "POST", "", { url })));
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused).toHaveLength(5);
    for (const answer of refused) expectRefusal(answer, { status: 409, code: "limit_reached" });
    const [{ id }] = (await askWebhooks(world, "GET")).body.endpoints;
    await askWebhooks(world, "DELETE", `/${id}`);
    expect((await askWebhooks(world, "POST", "", { url })).status).toBe(200);
  });

  test("is changed in what is named, and stays in the rest", async () => {
    const { id, secret } = await makeEndpoint(world, { types: ["ping"] });
    const described = await askWebhooks(world, "PATCH", `/${id}`, { description: "the CRM" });
    expect(described.body.endpoint).toMatchObject({ url, types: ["ping"], description: "the CRM", enabled: true });
    const moved = await askWebhooks(world, "PATCH", `/${id}`, { url: "https://other.test/", types: [] });
    expect(moved.body.endpoint).toMatchObject({ url: "https://other.test/", types: [], description: "the CRM" });
    expect((await askWebhooks(world, "PATCH", `/${id}`, {})).body.endpoint).toEqual(moved.body.endpoint);
    await tellAll(world, [memberCreated()]);
    await deliverDue(world.engine);
    expect(receiver.received.map((one) => [one.url, isSignedBy(secret, one)])).toEqual([["https://other.test/", true]]);
  });

  test("is told nothing while it is disabled, and again when it is enabled", async () => {
    const { id } = await makeEndpoint(world);
    const disabled = await askWebhooks(world, "PATCH", `/${id}`, { enabled: false });
    expect(disabled.body.endpoint).toMatchObject({ enabled: false, disabledReason: "operator" });
    await tellAll(world, [memberCreated(1)]);
    const enabled = await askWebhooks(world, "PATCH", `/${id}`, { enabled: true });
    expect(enabled.body.endpoint).toMatchObject({ enabled: true, disabledAt: null, disabledReason: null });
    await tellAll(world, [memberCreated(2)]);
    await deliverDue(world.engine);
    expect(receiver.received.map(({ body }) => JSON.parse(body).data.member.id)).toEqual(["mem_2"]);
  });

  test("that is deleted is gone, but not what was sent to it", async () => {
    const { id } = await makeEndpoint(world);
    await tellAll(world, [memberCreated(1)]);
    await deliverDue(world.engine);
    await tellAll(world, [memberCreated(2)]);
    expect((await askWebhooks(world, "DELETE", `/${id}`)).body).toEqual({ status: "success" });
    expect((await askWebhooks(world, "GET")).body.endpoints).toEqual([]);
    expect(await deliverDue(world.engine)).toBe(0);
    const kept = await deliveriesOf(world, id);
    expect(kept.map(({ status }: { status: string }) => status)).toEqual(["failed", "delivered"]);
    for (const answer of [
      await askWebhooks(world, "DELETE", `/${id}`),
      await askWebhooks(world, "PATCH", `/${id}`, { enabled: true }),
      await askWebhooks(world, "POST", `/${id}/rotate-secret`),
      await askWebhooks(world, "POST", `/${id}/ping`),
    ]) {
      expectRefusal(answer, { status: 404, code: "webhook_endpoint_not_found" });
    }
    await askWebhooks(world, "POST", `/${id}/deliveries/${kept[0].messageId}/retry`);
    await deliverDue(world.engine);
    expect(receiver.received).toHaveLength(1);
  });
});

describe("a ping", () => {
  test("goes to one endpoint alone, whatever types it wants", async () => {
    const { id, secret } = await makeEndpoint(world, { url: "https://pinged.test/", types: ["purchase.refunded"] });
    await makeEndpoint(world, { url: "https://other.test/" });
    const { body } = await askWebhooks(world, "POST", `/${id}/ping`);
    await deliverDue(world.engine);
    const [only, ...others] = receiver.received;
    expect(others).toEqual([]);
    expect(only?.url).toBe("https://pinged.test/");
    expect(only?.headers["webhook-id"]).toBe(body.messageId);
    expect(only && isSignedBy(secret, only)).toBe(true);
    expect(JSON.parse(only?.body ?? "")).toMatchObject({ type: "ping", data: { endpointId: id } });
    expect((await deliveriesOf(world, id))[0]).toMatchObject({ messageId: body.messageId, status: "delivered" });
  });
});

/** Every route, as the path after `…/webhook-endpoints`. */
const routes: { method: string; path: string; needs: "viewer" | "publisher"; body?: object }[] = [
  { method: "GET", path: "", needs: "viewer" },
  { method: "POST", path: "", needs: "publisher", body: { url } },
  { method: "PATCH", path: "/{endpoint}", needs: "publisher", body: {} },
  { method: "POST", path: "/{endpoint}/rotate-secret", needs: "publisher" },
  { method: "POST", path: "/{endpoint}/ping", needs: "publisher" },
  { method: "GET", path: "/{endpoint}/deliveries", needs: "viewer" },
  { method: "POST", path: "/{endpoint}/deliveries/{message}/retry", needs: "publisher" },
  { method: "DELETE", path: "/{endpoint}", needs: "publisher" },
];

describe.each(routes)("$method …/webhook-endpoints$path", ({ method, path, needs, body }) => {
  const send = async (key: string | null, { endpoint = "", environment = "env_preview", message = "msg_x" }) => {
    const filled = path.replace("{endpoint}", endpoint).replace("{message}", message);
    const at = `/api/v1/manage/environments/${environment}/webhook-endpoints${filled}`;
    return ask(world, method, at, { key, ...(body === undefined ? {} : { body }) });
  };

  test(`needs the role ${needs}`, async () => {
    const { id } = await makeEndpoint(world);
    const { messageId } = (await askWebhooks(world, "POST", `/${id}/ping`)).body;
    const names = { endpoint: id, message: messageId };
    for (const key of [null, "adm_unknown", world.secretKey, world.publicKey]) {
      expectRefusal(await send(key, names), { status: 401, code: "invalid_admin_token" });
    }
    for (const role of adminRoles.slice(0, adminRoles.indexOf(needs))) {
      const answer = await send(`adm_${role}-of-webhooks`, names);
      expectRefusal(answer, { status: 403, code: "role_not_allowed" });
    }
    expect((await send(`adm_${needs}-of-webhooks`, names)).status).toBe(200);
  });

  test("knows no endpoint of another environment, and no environment that is not there", async () => {
    await createEnvironment(world.engine, { id: "env_other", name: "Other" }).catch(() => undefined);
    const { id } = await makeEndpoint(world);
    const key = world.adminToken;
    expectRefusal(await send(key, { endpoint: id, environment: "env_nowhere" }), {
      status: 404,
      code: "environment_not_found",
    });
    if (!path.includes("{endpoint}")) return;
    for (const names of [{ endpoint: id, environment: "env_other" }, { endpoint: "we_unknown" }]) {
      expectRefusal(await send(key, names), { status: 404, code: "webhook_endpoint_not_found" });
    }
  });
});

test("a secret is in no answer but the one that made it, and in no file of the database", async () => {
  const { id, secret } = await makeEndpoint(world);
  const rotated = await askWebhooks(world, "POST", `/${id}/rotate-secret`);
  receiver.reply = ({ headers }) => new Response(`${secret} ${headers["webhook-signature"]}`, { status: 500 });
  await askWebhooks(world, "POST", `/${id}/ping`);
  await deliverDue(world.engine);
  const answers = [
    rotated,
    await askWebhooks(world, "GET"),
    await askWebhooks(world, "PATCH", `/${id}`, { description: "changed" }),
    await askWebhooks(world, "GET", `/${id}/deliveries`),
    await ask(world, "GET", "/api/v1/manage/environments/env_preview/config", { key: world.adminToken }),
  ];
  for (const { text } of answers) expect(text).not.toContain(secret.slice(6));
  for (const { text } of answers.slice(1)) expect(text).not.toContain(rotated.body.secret.slice(6));
  // a server keeps its files to itself
  for (const file of onServer ? [] : [world.file, `${world.file}-wal`]) {
    const bytes = await readFile(file, "latin1");
    expect(bytes).not.toContain(secret.slice(6));
    expect(bytes).not.toContain(rotated.body.secret.slice(6));
  }
});
