import { eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { entitlements, memberEvents } from "../../schemas/sales-tables.ts";
import { redemptions } from "../../schemas/tables.ts";
import { runAs, sourceOf, tokenOf, tryOf, worldOf } from "../fakes/methods.ts";
import { ask, redeemAs } from "../fakes/requests.ts";
import type { World } from "../fakes/world.ts";

const grant = (wish: string) => `await utils.entitlements.grant(${wish})`;
const bodies = {
  month: `return { success: true, properties: { granted: ${grant('{ product: "digital", duration: "P1M", reason: "spring" }')} } };`,
  until: `return { success: true, properties: { granted: ${grant('{ product: "print", until: "2026-04-02T00:00:00Z" }')} } };`,
  ever: `return { success: true, properties: { granted: ${grant('{ product: "print" }')} } };`,
  asks: `return { success: true, properties: { has: await utils.entitlements.has("digital") } };`,
  both: `const before = await utils.entitlements.has("digital"); ${grant('{ product: "digital" }')};
    return { success: true, properties: { before, after: await utils.entitlements.has("digital") } };`,
  many: `const all = await Promise.all([1, 2, 3].map((days) => utils.entitlements.grant({ product: "digital", duration: "P" + days + "D" })));
    return { success: true, properties: { ends: all.map(({ endedAt }) => endedAt) } };`,
  refuses: `${grant('{ product: "digital", reason: "consolation" }')}; return { success: false, message: "No" };`,
  unknown: `${grant('{ product: "premium" }')};`,
  past: `${grant('{ product: "digital", until: "2020-01-01T00:00:00Z" }')};`,
  "two-ends": `${grant('{ product: "digital", until: "2030-01-01T00:00:00Z", duration: "P1M" }')};`,
  "no-duration": `${grant('{ product: "digital", duration: "a month" }')};`,
  other: `${grant('{ product: "digital", identifier: "somebody@else.test" }')};`,
  nothing: "await utils.entitlements.grant();",
  "has-unknown": `await utils.entitlements.has("premium");`,
};

let world: World;
beforeAll(async () => {
  world = await worldOf(bodies);
});
afterAll(() => world.close());

const user = (name: string) => ({ userIdentifier: `${name}@example.com` });
const rowsOf = (name: string) =>
  world.engine.storage.db
    .select()
    .from(entitlements)
    .where(eq(entitlements.identifier, `${name}@example.com`));

test("what a workflow grants is there at once, for as long as it says, and an operator sees why", async () => {
  const { properties, run } = await runAs(world, "month", user("a"));
  expect(properties.granted).toEqual({
    id: expect.stringMatching(/^ent_/),
    product: "digital",
    startedAt: "2026-03-01T12:00:00.000Z",
    endedAt: "2026-04-01T12:00:00.000Z",
  });
  const access = await ask(world, "POST", "/api/v1/access-checks", {
    body: { identity: user("a"), products: ["digital"] },
  });
  expect(access.body.access).toEqual({ digital: true });
  const path = `/api/v1/manage/environments/env_preview/entitlements/${properties.granted.id}`;
  const { body } = await ask(world, "GET", path, { key: world.adminToken });
  expect(body.entitlement).toMatchObject({
    reason: "spring",
    offer: { slug: "month" },
    offeringId: run.input.offer.offeringId,
  });
  const [event] = await world.engine.storage.db
    .select()
    .from(memberEvents)
    .where(eq(memberEvents.subject, properties.granted.id));
  expect(event).toMatchObject({ type: "grant", data: { by: "workflow month", reason: "spring" } });
});

test.each([
  ["until", "2026-04-02T00:00:00.000Z"],
  ["ever", null],
])("a grant %s ends at %s", async (slug, endedAt) => {
  const { properties } = await runAs(world, slug, user(`end-${slug}`));
  expect(properties.granted).toMatchObject({ product: "print", endedAt });
});

test("a workflow sees what somebody has, its own grants too", async () => {
  expect((await runAs(world, "asks", user("b"))).properties).toEqual({ has: false });
  expect((await runAs(world, "both", user("b"))).properties).toEqual({ before: false, after: true });
  expect((await runAs(world, "asks", user("b"))).properties).toEqual({ has: true });
});

describe("a visitor", () => {
  const visitor = { anonymousIdentifier: "b@example.com" };

  test("has nothing, also under the name of somebody who does", async () => {
    expect((await runAs(world, "asks", visitor)).properties).toEqual({ has: false });
  });

  test("can be given nothing, and the author is told what to do", async () => {
    const { status, run } = await runAs(world, "month", visitor);
    expect(status).toBe(531);
    expect(run.verdict.reason).toContain("an anonymous visitor can hold nothing: send them to sign up first");
  });
});

test.each([
  ["unknown", 'there is no product "premium", there are: digital, print'],
  ["has-unknown", 'there is no product "premium"'],
  ["past", "until must be in the future"],
  ["two-ends", "take duration or until, not both"],
  ["no-duration", "must be an ISO 8601 duration"],
  ["other", "identifier"],
  ["nothing", "undefined is not JSON"],
])("a grant that is wrong in itself (%s) is refused with a reason", async (slug, reason) => {
  const { status, run } = await runAs(world, slug, user("wrong"));
  expect(status).toBe(531);
  expect(run.verdict.reason).toContain(reason);
  expect(await rowsOf("wrong")).toEqual([]);
});

describe("one redemption grants once for each call", () => {
  test("calls made at once are told apart", async () => {
    const { properties } = await runAs(world, "many", user("c"));
    expect(properties.ends).toEqual([
      "2026-03-02T12:00:00.000Z",
      "2026-03-03T12:00:00.000Z",
      "2026-03-04T12:00:00.000Z",
    ]);
    expect(await rowsOf("c")).toHaveLength(3);
  });

  test("when the run is repeated after a refusal", async () => {
    const token = await tokenOf(world, "refuses", user("d"));
    for (let i = 0; i < 3; i++) expect((await redeemAs(world, user("d"), token)).status).toBe(400);
    expect(await rowsOf("d")).toHaveLength(1);
  });

  test("when an attempt is taken up again after its process died", async () => {
    const token = await tokenOf(world, "many", user("e"));
    const first = await runAs(world, "many", user("e"), token);
    await world.engine.storage.write((tx) =>
      tx.update(redemptions).set({ status: "running", leaseUntil: 0, answer: null }),
    );
    const second = await runAs(world, "many", user("e"), token);
    expect(second.properties).toEqual(first.properties);
    expect(await rowsOf("e")).toHaveLength(3);
  });

  test("when ten redeem the same token at the same time", async () => {
    const token = await tokenOf(world, "month", user("f"));
    await Promise.all(Array.from({ length: 10 }, () => redeemAs(world, user("f"), token)));
    expect(await rowsOf("f")).toHaveLength(1);
  });

  test("and another redemption grants anew", async () => {
    await runAs(world, "month", user("g"));
    await runAs(world, "month", user("g"));
    expect(await rowsOf("g")).toHaveLength(2);
  });

  test("what an operator took back is not given again by the same redemption", async () => {
    const token = await tokenOf(world, "refuses", user("h"));
    await redeemAs(world, user("h"), token);
    const [row] = await rowsOf("h");
    const path = `/api/v1/manage/environments/env_preview/entitlements/${row?.id}/revoke`;
    const revoked = await ask(world, "POST", path, { key: world.adminToken, body: { reason: "mistake" } });
    expect(revoked.status, revoked.text).toBe(200);
    await redeemAs(world, user("h"), token);
    expect(await rowsOf("h")).toMatchObject([{ revokedBecause: "operator" }]);
  });
});

test("a try grants nothing, answers what it would, and says so", async () => {
  const { body } = await tryOf(world, "month", { identifier: "try@example.com" });
  expect(body.run.result.properties.granted).toMatchObject({ id: "ent_of_a_try", endedAt: "2026-04-01T12:00:00.000Z" });
  expect(body.run.hostCalls).toMatchObject([{ name: "entitlements.grant", ok: true, simulated: true }]);
  expect(await rowsOf("try")).toEqual([]);
  const wrong = await tryOf(world, "month", { workflow: sourceOf(bodies.unknown) });
  expect(wrong.body.run.verdict.reason).toContain("there is no product");
});
