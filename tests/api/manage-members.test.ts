import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createEnvironment } from "../../engine/create-environment.ts";
import { findOrMakeMember } from "../../engine/fulfilment/members.ts";
import { addRoles, expectDocumented, expectRole, manage, walk } from "../fakes/management.ts";
import { buyer, fulfillIn, pageSession, sessionFor } from "../fakes/sales.ts";
import { createWorld, type World } from "../fakes/world.ts";
import { expectRefusal } from "./answers.ts";

const day = 86_400_000;

let world: World;
beforeAll(async () => {
  world = await createWorld();
  await addRoles(world);
  await createEnvironment(world.engine, { id: "env_other", name: "Other" });
});
afterAll(() => world.close());
afterEach(() => expect(world.faults.splice(0)).toEqual([]));

function makeMember(identifier: string, environmentId = world.environmentId): Promise<string> {
  return world.engine.storage.write(async (tx) => {
    const { member } = await findOrMakeMember(tx, environmentId, { identifier }, world.clock.now());
    return member.id;
  });
}

async function grantTo(identifier: string, more: Record<string, unknown> = {}) {
  const body = { identifier, product: "digital", reason: "a friend of the house", ...more };
  const answer = await manage(world, "POST entitlements", { body });
  expect(answer.status, answer.text).toBe(200);
  return answer.body.entitlement;
}

describe("the list of members", () => {
  test("has a member once something was granted, and nobody before", async () => {
    const identifier = "first@example.com";
    const before = await manage(world, `GET members?identifier=${identifier}`);
    expect(before.body).toEqual({ status: "success", members: [], next: null });
    const { memberId } = await grantTo(identifier);
    const answer = await manage(world, `GET members?identifier=${identifier}`);
    const createdAt = new Date(world.clock.now()).toISOString();
    expect(answer.body.members).toEqual([{ id: memberId, identifier, email: identifier, createdAt }]);
    await expectDocumented(world, "GET members", answer);
  });

  test("finds somebody by the e-mail in any spelling, and by the identifier in that of the site alone", async () => {
    const id = await makeMember("Anna@Example.com");
    const found = async (query: string) =>
      (await manage(world, `GET members?${query}`)).body.members.map((member: { id: string }) => member.id);
    expect(await found("email=ANNA@example.COM")).toEqual([id]);
    expect(await found("identifier=Anna@Example.com")).toEqual([id]);
    expect(await found("identifier=anna@example.com")).toEqual([]);
    expect(await found("email=no-address")).toEqual([]);
    expect(await found("email=anna@example.com&identifier=somebody")).toEqual([]);
  });

  test("has no member whose address is not known, for an address that is none", async () => {
    await makeMember("user_17");
    expect((await manage(world, "GET members?email=user_17")).body.members).toEqual([]);
  });

  test("is newest first, and whole, while members are added between its pages", async () => {
    const ids: string[] = [];
    // many of one moment: no order but that of their making
    for (let i = 0; i < 10; i++) {
      if (i % 4 === 0) world.clock.advance(1);
      ids.push(await makeMember(`page-${i}@example.com`));
    }
    let added = 0;
    const found = await walk(world, { list: "members" }, () => makeMember(`added-${added++}@example.com`));
    const own = found.map(({ id }) => id).filter((id) => ids.includes(id));
    expect(own).toEqual(ids.toReversed());
    expect(added).toBeGreaterThan(2);
    expect(found.filter(({ id }, i) => found.findIndex((one) => one.id === id) !== i)).toEqual([]);
  });

  test("has nobody of another environment", async () => {
    const id = await makeMember("elsewhere@example.com", "env_other");
    expect((await walk(world, { list: "members", limit: 200 })).map((member) => member.id)).not.toContain(id);
    const other = await manage(world, "GET members", { env: "env_other" });
    expect(other.body.members).toMatchObject([{ id }]);
  });

  test.each([
    ["limit", "limit=0"],
    ["limit", "limit=201"],
    ["limit", "limit=-1"],
    ["limit", "limit=ten"],
    ["cursor", "cursor=nowhere"],
    ["cursor", "cursor="],
    ["identifer", "identifer=anna"],
    ["identifier", "identifier="],
  ])("is refused with a wrong %s: ?%s", async (path, query) => {
    const issues = [{ path, message: expect.any(String) }];
    expectRefusal(await manage(world, `GET members?${query}`), { status: 400, code: "invalid_body", more: { issues } });
  });

  test("comes in pages of fifty, of two hundred at most", async () => {
    for (let i = 0; i < 60; i++) await makeMember(`many-${i}@example.com`);
    expect((await manage(world, "GET members")).body.members).toHaveLength(50);
    expect((await manage(world, "GET members?limit=200")).body.next).toBeNull();
  });
});

describe("a member", () => {
  test("has the entitlements with what made them, and the purchases", async () => {
    const { id } = await sessionFor(world);
    // a second one that nobody pays
    world.clock.advance(1000);
    await sessionFor(world, buyer);
    world.stripe.pay(id, { email: "buyer@example.com" });
    await fulfillIn(world, id);
    const [{ id: memberId }] = (await manage(world, "GET members?email=buyer@example.com")).body.members;
    const answer = await manage(world, `GET members/${memberId}`);
    await expectDocumented(world, "GET members/{memberId}", answer);
    const { entitlements, purchases } = answer.body;
    expect(purchases).toMatchObject([
      {
        status: "completed",
        member: { id: memberId, identifier: "buyer@example.com" },
        begunBy: "user:buyer@example.com",
        offer: { slug: "premium", name: "Premium" },
        plan: { slug: "monthly", name: "Monthly Digital" },
        amountMinor: 1000,
        currency: "gbp",
        stripe: { accountId: "acct_world", sessionId: id },
      },
    ]);
    expect(entitlements).toMatchObject([
      {
        memberId,
        product: { slug: "digital", name: "Digital Access" },
        state: "active",
        over: null,
        cause: { type: "purchase", subject: purchases[0].id },
        reason: null,
        plan: { slug: "monthly" },
        offer: { slug: "premium" },
        purchase: { id: purchases[0].id, status: "completed" },
      },
    ]);
  });

  test("shows of each entitlement how it stands and why it is over", async () => {
    const now = world.clock.now();
    const at = (ms: number) => new Date(ms).toISOString();
    const identifier = "why@example.com";
    await grantTo(identifier);
    await grantTo(identifier, { startedAt: at(now + day) });
    await grantTo(identifier, { startedAt: at(now - 2 * day), endedAt: at(now - day) });
    const { id, memberId } = await grantTo(identifier);
    await manage(world, `POST entitlements/${id}/revoke`, { body: { reason: "left the house" } });
    const { entitlements } = (await manage(world, `GET members/${memberId}`)).body;
    const shown = entitlements.map(({ state, over }: { state: string; over: unknown }) => [state, over]);
    expect(shown).toEqual([
      ["revoked", { at: at(now), because: "operator", reason: "left the house" }],
      ["ended", { at: at(now - day), because: "time", reason: null }],
      ["upcoming", null],
      ["active", null],
    ]);
  });

  test("shows what somebody unknown bought with the member's address, and the guest who may use it", async () => {
    const { id } = await pageSession(world);
    world.stripe.pay(id, { email: "unknown@example.com" });
    await fulfillIn(world, id);
    const [{ id: memberId }] = (await manage(world, "GET members?email=unknown@example.com")).body.members;
    const { entitlements, purchases } = (await manage(world, `GET members/${memberId}`)).body;
    expect(purchases[0].guest).toMatch(/^guest_/);
    expect(entitlements).toMatchObject([{ identifier: "unknown@example.com", guest: purchases[0].guest }]);
    const byGuest = await manage(world, `GET entitlements?identifier=${purchases[0].guest}`);
    expect(byGuest.body.entitlements).toEqual(entitlements);
  });

  test.each(["mem_nobody", "%27%20or%201=1", "%00", "%F0%9F%98%80", "x".repeat(200)])(
    "is not found as %s",
    async (id) => {
      expectRefusal(await manage(world, `GET members/${id}`), { status: 404, code: "member_not_found" });
      expectRefusal(await manage(world, `GET members/${id}/history`), { status: 404, code: "member_not_found" });
    },
  );

  test("is not found in another environment", async () => {
    const id = await makeMember("here@example.com");
    expect((await manage(world, `GET members/${id}`)).status).toBe(200);
    const none = { status: 404, code: "member_not_found" } as const;
    expectRefusal(await manage(world, `GET members/${id}`, { env: "env_other" }), none);
    expectRefusal(await manage(world, `GET members/${id}/history`, { env: "env_other" }), none);
  });
});

describe("a member's history", () => {
  test("says what happened, by whom and why, newest first, in pages without gaps", async () => {
    const identifier = "history@example.com";
    const { memberId } = await grantTo(identifier);
    const list = `members/${memberId}/history`;
    for (let i = 0; i < 5; i++) {
      const { id } = await grantTo(identifier, { reason: `the ${i}th` });
      await manage(world, `POST entitlements/${id}/revoke`, { body: { reason: "enough" } });
    }
    const answer = await manage(world, `GET ${list}`);
    await expectDocumented(world, "GET members/{memberId}/history", answer);
    expect(answer.body.history.map(({ type }: { type: string }) => type)).toEqual([
      ...Array.from({ length: 5 }, () => ["revocation", "grant"]).flat(),
      "grant",
    ]);
    const [revocation, grant] = answer.body.history;
    expect(revocation).toMatchObject({ data: { reason: "enough", by: "test" }, subject: grant.subject });
    expect(grant.data).toMatchObject({ reason: "the 4th", by: "test", entitlements: [grant.subject] });
    const walked = await walk(world, { list, member: "history" }, () => grantTo(identifier));
    expect(walked).toEqual(answer.body.history);
  });
});

test.each(["members", "members/mem_1", "members/mem_1/history"])("GET %s needs a viewer", async (route) => {
  await expectRole(world, `GET ${route}`, "viewer");
  const none = { status: 404, code: "environment_not_found" } as const;
  expectRefusal(await manage(world, `GET ${route}`, { env: "env_nowhere" }), none);
});
