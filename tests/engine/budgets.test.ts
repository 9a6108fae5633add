import { afterEach, expect, test } from "vitest";
import { readSettings } from "../../api/config.ts";
import { expectRefusal } from "../api/answers.ts";
import { ask, decideFor, redeemAs } from "../fakes/requests.ts";
import { method, sampleConfig } from "../fakes/sample-config.ts";
import { createWorld, type World } from "../fakes/world.ts";

const identity = { userIdentifier: "buyer@example.com" };
const maxima = { wallMs: 1500, cpuMs: 300, memoryBytes: 16 << 20, outboundCalls: 2 };
const never = "export default () => new Promise((done) => setTimeout(done, 30_000));";
const caller = `export default async ({ utils }) => {
  const names = [];
  for (let i = 0; i < 4; i++) {
    await utils.integrations.stripe.fetch("acct_world", { method: "GET", path: "/v1/balance" }).catch((e) => names.push(e.name));
  }
  return { success: true, properties: { names } };
};`;

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0).reverse()) await world.close();
});

async function openWorld(options: Parameters<typeof createWorld>[0]): Promise<World> {
  const world = await createWorld(options);
  worlds.push(world);
  // a run waits for its place within its wall budget
  await expect.poll(() => world.engine.sandbox.ready(), { timeout: 15_000 }).toBe(true);
  return world;
}

function documentWith(source: string, budgets: Record<string, number>) {
  const config = sampleConfig();
  return { ...config, redemptionMethods: config.redemptionMethods.map(({ slug }) => method(slug, source)), budgets };
}

const push = (world: World, body: unknown) =>
  ask(world, "PUT", "/api/v1/manage/environments/env_preview/config", { key: world.adminToken, body });

test("a document that asks for more than the server allows is refused, each field with its maximum", async () => {
  const world = await openWorld({ budgetMaxima: maxima });
  const asked = { wallMs: 1501, cpuMs: 301, memoryBytes: 17 << 20, outboundCalls: 3 };
  expectRefusal(await push(world, documentWith(never, asked)), {
    status: 422,
    code: "config_invalid",
    more: {
      issues: [
        { path: "budgets.wallMs", message: "is 1501, and this server allows 1500 at most" },
        { path: "budgets.cpuMs", message: "is 301, and this server allows 300 at most" },
        { path: "budgets.memoryBytes", message: "is 17825792, and this server allows 16777216 at most" },
        { path: "budgets.outboundCalls", message: "is 3, and this server allows 2 at most" },
      ],
    },
  });
  expect((await push(world, documentWith(never, maxima))).status).toBe(200);
});

test("a document that asks for nothing can be applied, pulled and applied again under any maxima", async () => {
  const world = await openWorld({ budgetMaxima: maxima });
  expect((await push(world, documentWith(never, {}))).status).toBe(200);
  const pulled = await ask(world, "GET", "/api/v1/manage/environments/env_preview/config", { key: world.adminToken });
  expect(pulled.body.config.budgets.wallMs).toBe(10_000);
  expect((await push(world, pulled.body.config)).body).toMatchObject({ status: "success", changed: false });
});

test("what was saved when the server allowed more is lowered in every run", async () => {
  const before = await openWorld({});
  const generous = { wallMs: 50_000, cpuMs: 9000, outboundCalls: 100 };
  expect((await push(before, documentWith(never, generous))).status).toBe(200);
  const world = await openWorld({ file: before.file, stripe: before.stripe, budgetMaxima: maxima });
  const { body: decided } = await decideFor(world, identity);
  const answer = await redeemAs(world, identity, decided.offers[0].token);
  expect(answer.status).toBe(531);
  const event = await ask(world, "GET", `/api/v1/events/${answer.body.eventId}`);
  expect(event.body.event.data.run).toMatchObject({ outcome: "timed-out" });
  expect(event.body.event.data.run.verdict.reason).toContain("1500 ms");

  expect((await push(before, documentWith(caller, generous))).status).toBe(200);
  await world.engine.environments.refresh();
  const again = await redeemAs(world, identity, decided.offers[0].token);
  expect(again.body).toMatchObject({
    status: "success",
    action: { properties: { names: ["RangeError", "RangeError"] } },
  });
});

test.each([
  ["SANDBOX_MAX_WALL_MS", "49"],
  ["SANDBOX_MAX_WALL_MS", "60001"],
  ["SANDBOX_MAX_CPU_MS", "1e3"],
  ["SANDBOX_MAX_MEMORY_MIB", "129"],
  ["SANDBOX_MAX_OUTBOUND_CALLS", "-1"],
])("a maximum that cannot be used is named: %s=%s", (name, value) => {
  expect(readSettings({ [name]: value })).toEqual({
    ok: false,
    problems: [expect.stringMatching(`^${name} must be a number from \\d+ to \\d+$`)],
  });
});

test("maxima are read in the units of their names", () => {
  const read = readSettings({
    SANDBOX_MAX_WALL_MS: "1500",
    SANDBOX_MAX_CPU_MS: "300",
    SANDBOX_MAX_MEMORY_MIB: "16",
    SANDBOX_MAX_OUTBOUND_CALLS: "2",
  });
  expect(read.ok && read.settings.budgetMaxima).toEqual(maxima);
});
