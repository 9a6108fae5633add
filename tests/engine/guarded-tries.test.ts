import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ensureAdminToken } from "../../engine/admin.ts";
import { connectStripeAccount } from "../../engine/integrations.ts";
import { eventIn, sourceOf, tryOf, worldOf } from "../fakes/methods.ts";
import { ask } from "../fakes/requests.ts";
import type { World } from "../fakes/world.ts";

const editor = "adm_of-an-editor-012345678901234567890123456789";
const secret = "tok_very_secret_1";
const spells = `console.log([...env.API_TOKEN].join(" ")); console.log([...env.API_TOKEN].reverse().join(""));
  return { success: true, properties: { codes: [...env.API_TOKEN].map((c) => c.charCodeAt(0)), greeting: env.GREETING } };`;
const stripe = (account: string) =>
  `const { status } = await utils.integrations.stripe.fetch("${account}", { method: "GET", path: "/v1/prices?limit=1" });
  return { success: true, properties: { status } };`;

let world: World;
beforeAll(async () => {
  world = await worldOf({ spells, live: stripe("acct_live") });
  await ensureAdminToken(world.engine, editor, { label: "editor", role: "editor" });
  await connectStripeAccount(world.engine, world.environmentId, { accountId: "acct_live", secretKey: "sk_live_world" });
  const path = `/api/v1/manage/environments/${world.environmentId}/secrets`;
  const put = await ask(world, "PUT", path, { key: world.adminToken, body: { name: "API_TOKEN", value: secret } });
  expect(put.status).toBe(200);
});
afterAll(() => world.close());

const codes = (text: string) => [...text].map((c) => c.charCodeAt(0));

describe("a source of an editor's own", () => {
  test("sees no secret, however it spells it, and the answer and the event say so", async () => {
    const { body } = await tryOf(world, "spells", { key: editor, workflow: sourceOf(spells) });
    expect(body).toMatchObject({ secretsMasked: true });
    expect(body.run.result.properties).toEqual({ codes: codes("***"), greeting: "hello" });
    expect(body.run.logs[0].message).toBe("* * *");
    expect((await eventIn(world, body.eventId)).data).toMatchObject({ author: "editor", secretsMasked: true });
  });

  test("reaches Stripe with a test key, and not with a live one", async () => {
    const before = world.stripe.requests().length;
    const live = await tryOf(world, "spells", { key: editor, workflow: sourceOf(stripe("acct_live")) });
    expect(live.body.run.verdict.reason).toContain("reaches Stripe with test keys only");
    expect(world.stripe.requests()).toHaveLength(before);
    const tested = await tryOf(world, "spells", { key: editor, workflow: sourceOf(stripe("acct_world")) });
    expect(tested.body.run.result.properties).toEqual({ status: 200 });
  });
});

describe("what a publisher has agreed to", () => {
  test("is tried with the real secrets by an editor too, where it is the version in force", async () => {
    const { body } = await tryOf(world, "spells", { key: editor });
    expect(body).toMatchObject({ secretsMasked: false });
    expect(body.run.result.properties.codes).toEqual(codes(secret));
  });

  test("is tried with the real secrets and keys where it is the publisher's own source", async () => {
    const { body } = await tryOf(world, "spells", { workflow: sourceOf(spells) });
    expect(body).toMatchObject({ secretsMasked: false });
    expect(body.run.result.properties.codes).toEqual(codes(secret));
    const live = await tryOf(world, "spells", { workflow: sourceOf(stripe("acct_live")) });
    expect(live.body.run.verdict.kind).toBe("result");
  });
});
