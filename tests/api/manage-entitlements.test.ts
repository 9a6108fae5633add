// Past 250 lines: one resource: grants, revocations, lists, races, and who may.
import { eq } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createEnvironment } from "../../engine/create-environment.ts";
import { deliverDue } from "../../engine/webhooks/deliver.ts";
import { entitlements, memberEvents, members } from "../../schemas/sales-tables.ts";
import { edges } from "../engine/entitlement-edges.ts";
import { addRoles, expectDocumented, expectRole, manage, walk } from "../fakes/management.ts";
import { grant as insert } from "../fakes/members.ts";
import { createReceiver, makeEndpoint, type Receiver } from "../fakes/receiver.ts";
import { ask } from "../fakes/requests.ts";
import { createWorld, type World } from "../fakes/world.ts";
import { expectRefusal } from "./answers.ts";

const day = 86_400_000;

let world: World;
let receiver: Receiver;
beforeAll(async () => {
  receiver = createReceiver();
  world = await createWorld({ publicFetch: receiver.fetch });
  await addRoles(world);
  await createEnvironment(world.engine, { id: "env_other", name: "Other" });
});
afterAll(() => world.close());

let count = 0;
/** Somebody whom no other test knows. */
let identifier: string;
beforeEach(() => {
  identifier = `reader-${count++}@example.com`;
});
afterEach(() => expect(world.faults.splice(0)).toEqual([]));

const reason = "a gift of the editors";
const post = (body: object, headers: Record<string, string> = {}) =>
  manage(world, "POST entitlements", { body, headers });
const give = (more: object = {}, headers = {}) => post({ identifier, product: "digital", reason, ...more }, headers);
const revoke = (id: string, why = "asked to leave") =>
  manage(world, `POST entitlements/${id}/revoke`, { body: { reason: why } });
const iso = (ms: number) => new Date(ms).toISOString();

async function hasAccess(product = "digital"): Promise<boolean> {
  const body = { identity: { userIdentifier: identifier }, products: [product] };
  return (await ask(world, "POST", "/api/v1/access-checks", { body })).body.access[product];
}

/** What is stored of `identifier`. */
async function storedOf(who = identifier) {
  const { db } = world.engine.storage;
  const own = await db.select().from(members).where(eq(members.identifier, who));
  const rows = await db.select().from(entitlements).where(eq(entitlements.identifier, who));
  const history = own.flatMap(({ id }) => db.select().from(memberEvents).where(eq(memberEvents.memberId, id)));
  return { members: own, entitlements: rows, history: (await Promise.all(history)).flat().map(({ type }) => type) };
}

describe("a grant by hand", () => {
  test("gives access at once and says why, to a member that is made", async () => {
    expect(await hasAccess()).toBe(false);
    const answer = await give();
    await expectDocumented(world, "POST entitlements", answer);
    const { entitlement, changed } = answer.body;
    expect(changed).toBe(true);
    expect(entitlement).toEqual({
      id: expect.stringMatching(/^ent_[0-9A-Za-z]{16}$/),
      memberId: expect.stringMatching(/^mem_/),
      identifier,
      guest: null,
      product: { id: expect.stringMatching(/^prod_/), slug: "digital", name: "Digital Access" },
      state: "active",
      startedAt: iso(world.clock.now()),
      endedAt: null,
      over: null,
      cause: { type: "manual", subject: entitlement.id },
      reason,
      plan: null,
      offer: null,
      offeringId: null,
      purchase: null,
      createdAt: iso(world.clock.now()),
    });
    expect(await hasAccess()).toBe(true);
    expect(await storedOf()).toMatchObject({ members: [{ email: identifier }], history: ["grant"] });
    const one = await manage(world, `GET entitlements/${entitlement.id}`);
    await expectDocumented(world, "GET entitlements/{entitlementId}", one);
    expect(one.body.entitlement).toEqual(entitlement);
  });

  test("goes to a member that there is, by the id as by the identifier", async () => {
    const { memberId } = (await give()).body.entitlement;
    const again = await post({ memberId, product: "print", reason });
    expect(again.body.entitlement).toMatchObject({ memberId, identifier });
    expect((await give()).body.entitlement.memberId).toBe(memberId);
    expect((await storedOf()).members).toHaveLength(1);
    expect(await hasAccess("print")).toBe(true);
  });

  test("takes a product by its id, also one that is no longer in the configuration", async () => {
    const { product } = (await give()).body.entitlement;
    expect((await give({ product: product.id })).body.entitlement.product).toEqual(product);
  });

  test.each([
    [{ duration: "P1M" }, "2026-03-31T10:00:00Z", "2026-04-30T10:00:00.000Z"],
    [{ duration: "P1Y" }, "2028-02-29T00:00:00Z", "2029-02-28T00:00:00.000Z"],
    [{ duration: "P10D" }, "2026-03-25T10:00:00+01:00", "2026-04-04T09:00:00.000Z"],
    [{ endedAt: "2026-05-01T00:00:00Z" }, "2026-03-01T00:00:00Z", "2026-05-01T00:00:00.000Z"],
  ])("of %j from %s ends at %s", async (end, startedAt, endedAt) => {
    const { entitlement } = (await give({ startedAt, ...end })).body;
    expect(entitlement).toMatchObject({ startedAt: iso(Date.parse(startedAt)), endedAt });
  });

  test("without a start begins now, and a duration is counted from then", async () => {
    const { entitlement } = (await give({ duration: "P1D" })).body;
    expect(Date.parse(entitlement.endedAt) - Date.parse(entitlement.startedAt)).toBe(day);
    world.clock.advance(day - 1);
    expect(await hasAccess()).toBe(true);
    world.clock.advance(1);
    expect(await hasAccess()).toBe(false);
    const { over, state } = (await manage(world, `GET entitlements/${entitlement.id}`)).body.entitlement;
    expect([state, over]).toEqual(["ended", { at: entitlement.endedAt, because: "time", reason: null }]);
  });

  test("that is to come gives access when it begins", async () => {
    const startedAt = iso(world.clock.now() + 1000);
    expect((await give({ startedAt })).body.entitlement.state).toBe("upcoming");
    expect(await hasAccess()).toBe(false);
    world.clock.advance(1000);
    expect(await hasAccess()).toBe(true);
  });

  test("beside another leaves it as it is", async () => {
    const first = (await give({ duration: "P1D" })).body.entitlement;
    const second = (await give()).body.entitlement;
    expect(second.id).not.toBe(first.id);
    expect((await storedOf()).entitlements).toHaveLength(2);
  });

  test("is told to webhooks, the new member first", async () => {
    await makeEndpoint(world);
    receiver.received.length = 0;
    await give();
    await deliverDue(world.engine);
    const told = receiver.received.map(({ body }) => JSON.parse(body));
    expect(told.map(({ type }) => type).toSorted()).toEqual(["entitlement.granted", "member.created"]);
    expect(told.find(({ type }) => type === "entitlement.granted").data).toMatchObject({
      entitlement: { resource: { slug: "digital" }, is_active: true },
      member: { identifier },
      cause: "grant",
      reason,
    });
  });

  test.each([
    ["", {}, "either identifier or memberId"],
    ["", { identifier: "a", memberId: "b", product: "digital", reason }, "either identifier or memberId"],
    ["product", { identifier: "a", reason }, "missing"],
    ["product", { identifier: "a", product: "", reason }, ""],
    ["product", { identifier: "a", product: 7, reason }, ""],
    ["reason", { identifier: "a", product: "digital" }, "missing"],
    ["reason", { identifier: "a", product: "digital", reason: " \n" }, "why"],
    ["reason", { identifier: "a", product: "digital", reason: "x".repeat(501) }, ""],
    ["identifier", { identifier: "", product: "digital", reason }, ""],
    ["identifier", { identifier: "x".repeat(513), product: "digital", reason }, ""],
    ["identifier", { identifier: "\ud800", product: "digital", reason }, "Unicode"],
    ["startedAt", { identifier: "a", product: "digital", reason, startedAt: "2026-02-30T00:00:00Z" }, "ISO 8601"],
    ["startedAt", { identifier: "a", product: "digital", reason, startedAt: 1 }, ""],
    ["endedAt", { identifier: "a", product: "digital", reason, endedAt: "soon" }, "ISO 8601"],
    ["endedAt", { identifier: "a", product: "digital", reason, endedAt: "2020-01-01T00:00:00Z" }, "after startedAt"],
    ["duration", { identifier: "a", product: "digital", reason, duration: "1 month" }, "P1M"],
    ["duration", { identifier: "a", product: "digital", reason, duration: "P0D" }, ""],
    [
      "duration",
      { identifier: "a", product: "digital", reason, duration: "P999Y9999M", startedAt: "9999-01-01T00:00:00Z" },
      "10000",
    ],
    ["plan", { identifier: "a", product: "digital", reason, plan: "monthly" }, "not known"],
  ])("is refused with a wrong %s: %j", async (path, body, says) => {
    const complete = path === "" && !("product" in body) ? { product: "digital", reason, ...body } : body;
    const answer = await post(complete);
    const issue = { path, message: expect.stringContaining(says) };
    const more = { issues: expect.arrayContaining([issue]) };
    expectRefusal(answer, { status: 400, code: "invalid_body", more });
    expect((await storedOf("a")).members).toEqual([]);
  });

  test("is refused with both an end and a duration", async () => {
    const answer = await give({ endedAt: "2030-01-01T00:00:00Z", duration: "P1M" });
    expect(answer.body).toMatchObject({
      code: "invalid_body",
      issues: [{ message: expect.stringContaining("not both") }],
    });
  });

  test("is refused for what there is not, and makes nobody", async () => {
    expectRefusal(await give({ product: "digtal" }), { status: 404, code: "product_not_found" });
    const answer = await post({ memberId: "mem_nobody", product: "digital", reason });
    expectRefusal(answer, { status: 404, code: "member_not_found" });
    expect((await storedOf()).members).toEqual([]);
  });

  test("is refused for a member of another environment", async () => {
    const { memberId } = (await give()).body.entitlement;
    await createEnvironment(world.engine, { id: "env_third", name: "Third" });
    const body = { memberId, product: "digital", reason };
    const answer = await manage(world, "POST entitlements", { env: "env_third", body });
    expect(answer.body.code).toBe("product_not_found");
  });
});

describe("an Idempotency-Key", () => {
  const key = () => ({ "Idempotency-Key": `key of ${identifier}` });

  test("grants once, however often the request is sent", async () => {
    const first = await give({ duration: "P1M" }, key());
    world.clock.advance(day);
    const second = await give({ duration: "P1M" }, key());
    expect(second.body).toEqual({ ...first.body, changed: false });
    expect(first.body.entitlement.cause.subject).toMatch(/^[0-9a-f]{64}$/);
    expect(await storedOf()).toMatchObject({ entitlements: [{}], history: ["grant"] });
  });

  test("grants once when it is sent twenty times at once, through two servers", async () => {
    const other = await createWorld({ file: world.file, stripe: world.stripe });
    const servers = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? world : other));
    const body = { identifier, product: "digital", reason };
    const answers = await Promise.all(
      servers.map((server) => manage(server, "POST entitlements", { body, headers: key() })),
    );
    await other.close();
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(answers.filter(({ body: { changed } }) => changed)).toHaveLength(1);
    expect(new Set(answers.map(({ body: { entitlement } }) => entitlement.id)).size).toBe(1);
    const stored = await storedOf();
    expect([stored.members.length, stored.entitlements.length, stored.history.length]).toEqual([1, 1, 1]);
  });

  test("without one twenty requests at once grant twenty times, to one member", async () => {
    await Promise.all(Array.from({ length: 20 }, () => give()));
    const stored = await storedOf();
    expect([stored.members.length, stored.entitlements.length, stored.history.length]).toEqual([1, 20, 20]);
  });

  test.each([
    { product: "print" },
    { reason: "another one" },
    { identifier: "somebody-else@example.com" },
    { duration: "P2M" },
    { duration: undefined },
    { startedAt: "2026-01-01T00:00:00Z" },
  ])("is refused for another grant: %j", async (other) => {
    await give({ duration: "P1M" }, key());
    const issues = [{ path: "Idempotency-Key", message: expect.stringContaining("something else") }];
    const answer = await give({ duration: "P1M", ...other }, key());
    expectRefusal(answer, { status: 400, code: "invalid_body", more: { issues } });
    expect((await storedOf()).entitlements).toHaveLength(1);
  });

  test("answers with the entitlement as it is by now, when that was revoked since", async () => {
    const { id } = (await give({}, key())).body.entitlement;
    await revoke(id);
    const again = await give({}, key());
    expect(again.body).toMatchObject({ changed: false, entitlement: { id, state: "revoked" } });
    expect(await hasAccess()).toBe(false);
  });

  test.each(["", "x".repeat(256)])("is refused with a length that Stripe would not take", async (wrong) => {
    const answer = await give({}, { "Idempotency-Key": wrong });
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_body" } });
  });
});

describe("a revocation by hand", () => {
  test("takes access back at once and says why", async () => {
    const { id } = (await give()).body.entitlement;
    world.clock.advance(1000);
    const answer = await revoke(id, "  a mistake ");
    await expectDocumented(world, "POST entitlements/{entitlementId}/revoke", answer);
    const over = { at: iso(world.clock.now()), because: "operator", reason: "a mistake" };
    expect(answer.body).toMatchObject({ changed: true, entitlement: { id, state: "revoked", over, reason } });
    expect(await hasAccess()).toBe(false);
    expect((await storedOf()).history.toSorted()).toEqual(["grant", "revocation"]);
  });

  test("a second time changes nothing, and says so", async () => {
    const { id } = (await give()).body.entitlement;
    const first = await revoke(id, "the first");
    world.clock.advance(1000);
    const second = await revoke(id, "the second");
    expect(second.body).toEqual({ ...first.body, changed: false });
    expect((await storedOf()).history).toHaveLength(2);
  });

  test("twenty times at once happens once", async () => {
    const { id } = (await give()).body.entitlement;
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => revoke(id, `the ${i}th`)));
    expect(answers.filter(({ body }) => body.changed)).toHaveLength(1);
    expect((await storedOf()).history).toHaveLength(2);
  });

  test("is told to webhooks once", async () => {
    await makeEndpoint(world, { types: ["entitlement.revoked"] });
    const { id } = (await give()).body.entitlement;
    await deliverDue(world.engine);
    receiver.received.length = 0;
    await revoke(id, "once");
    await revoke(id, "twice");
    await deliverDue(world.engine);
    const told = receiver.received.map(({ body }) => JSON.parse(body)).filter(({ data }) => data.entitlement.id === id);
    const types = told.filter(({ type }) => type === "entitlement.revoked");
    expect(new Set(types.map(({ data }) => `${data.cause}: ${data.reason}`))).toEqual(new Set(["revocation: once"]));
    expect(types[0].data.entitlement.is_active).toBe(false);
  });

  test.each(["dispute", "subscription"] as const)("makes final what a %s took back", async (revokedBecause) => {
    const revokedAt = world.clock.now() - 1000;
    const { memberId } = (await give()).body.entitlement;
    const id = await insert(world, { identifier, memberId, revokedAt, revokedBecause });
    const answer = await revoke(id, "for good");
    const over = { at: iso(revokedAt), because: "operator", reason: "for good" };
    expect(answer.body).toMatchObject({ changed: true, entitlement: { over } });
    expect((await storedOf()).history).toContain("revocation");
  });

  test("leaves what a refund took back as it is", async () => {
    const id = await insert(world, { identifier, revokedAt: 1, revokedBecause: "refund" });
    const answer = await revoke(id);
    expect(answer.body).toMatchObject({ changed: false, entitlement: { over: { because: "refund", reason: null } } });
  });

  test("takes back what belongs to no member", async () => {
    const id = await insert(world, { identifier });
    expect((await revoke(id)).body).toMatchObject({ changed: true, entitlement: { memberId: null, state: "revoked" } });
  });

  test.each([{}, { reason: "" }, { reason: 7 }, { reason: "x", force: true }])("is refused with %j", async (body) => {
    const { id } = (await give()).body.entitlement;
    const answer = await manage(world, `POST entitlements/${id}/revoke`, { body });
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_body" } });
    expect(await hasAccess()).toBe(true);
  });
});

describe("the list of entitlements", () => {
  test("is of everybody, newest first, and whole while some are added between its pages", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 8; i++)
      ids.push((await give({ product: i % 2 === 0 ? "digital" : "print" })).body.entitlement.id);
    const found = await walk(world, { list: "entitlements" }, () => give());
    expect(found.map(({ id }) => id).filter((id) => ids.includes(id))).toEqual(ids.toReversed());
    expect(new Set(found.map(({ id }) => id)).size).toBe(found.length);
    await expectDocumented(world, "GET entitlements", await manage(world, "GET entitlements"));
    const prints = await walk(world, { list: "entitlements", query: "&product=print", limit: 2 });
    expect(prints.map(({ id }) => id).slice(0, 4)).toEqual(ids.filter((_, i) => i % 2 === 1).toReversed());
  });

  test("is of one identifier where that is named, in pages too", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.push((await give()).body.entitlement.id);
    const query = `&identifier=${encodeURIComponent(identifier)}`;
    const found = await walk(world, { list: "entitlements", query, limit: 2 }, () => give());
    expect(found.map(({ id }) => id)).toEqual(ids.toReversed());
    expect(await walk(world, { list: "entitlements", query: "&identifier=nobody" })).toEqual([]);
  });

  test.each(edges.filter(({ at, now }) => now === undefined || now === at))(
    "has with active=true what is active: $name",
    async ({ rows, at }) => {
      const start = world.clock.now();
      for (const row of rows) {
        const { end = null, revoked } = row;
        await insert(world, {
          identifier,
          startedAt: start + row.start,
          endedAt: end === null ? null : start + end,
          ...(revoked === undefined ? {} : { revokedAt: start + revoked }),
        });
      }
      world.clock.set(start + at);
      const own = `identifier=${encodeURIComponent(identifier)}`;
      const all = (await manage(world, `GET entitlements?${own}`)).body.entitlements;
      const active = (await manage(world, `GET entitlements?${own}&active=true`)).body.entitlements;
      world.clock.set(start);
      expect(active).toEqual(all.filter(({ state }: { state: string }) => state === "active"));
    },
  );

  test("finds the few of a rare product among many", async () => {
    const rare = (await give({ product: "print" })).body.entitlement.id;
    const nowMs = world.clock.now();
    const row = {
      environmentId: world.environmentId,
      identifier,
      productId: "prod_x",
      startedAt: nowMs,
      createdAt: nowMs,
    };
    for (let from = 0; from < 25_000; from += 1000) {
      const rows = Array.from({ length: 1000 }, (_, i) => ({
        ...row,
        id: `ent_m${from + i}`,
        cause: `manual:m${from + i}`,
      }));
      await world.engine.storage.write(async (tx) => tx.insert(entitlements).values(rows));
    }
    const { body } = await manage(world, "GET entitlements?product=print&limit=1");
    expect(body.entitlements.map(({ id }: { id: string }) => id)).toEqual([rare]);
    expect(body.next).not.toBeNull();
    const newest = await manage(world, "GET entitlements?limit=200");
    expect(newest.body.entitlements).toHaveLength(200);
  });

  test("is there at once for a cursor from nowhere", async () => {
    const { body } = await manage(world, "GET entitlements?cursor=zzzzzzzzzz.zzzzzzzzzz&limit=1");
    expect(body.entitlements).toHaveLength(1);
    expect((await manage(world, "GET entitlements?cursor=0.0")).body).toMatchObject({ entitlements: [], next: null });
  });

  test("has nothing of another environment", async () => {
    expect((await manage(world, "GET entitlements", { env: "env_other" })).body.entitlements).toEqual([]);
    const { id } = (await give()).body.entitlement;
    const none = { status: 404, code: "entitlement_not_found" } as const;
    expectRefusal(await manage(world, `GET entitlements/${id}`, { env: "env_other" }), none);
    const body = { reason: "mine" };
    expectRefusal(await manage(world, `POST entitlements/${id}/revoke`, { env: "env_other", body }), none);
    expect(await hasAccess()).toBe(true);
  });

  test.each([
    ["active", "active=false"],
    ["limit", "limit=500"],
    ["cursor", "cursor=-1.5"],
    ["members", "members=all"],
  ])("is refused with a wrong %s: ?%s", async (path, query) => {
    const issues = [{ path, message: expect.any(String) }];
    const answer = await manage(world, `GET entitlements?${query}`);
    expectRefusal(answer, { status: 400, code: "invalid_body", more: { issues } });
  });

  test("is refused for a product that never was", async () => {
    expectRefusal(await manage(world, "GET entitlements?product=digtal"), { status: 404, code: "product_not_found" });
  });
});

test.each(["GET entitlements/ent_nobody", "GET entitlements/%00", "POST entitlements/ent_nobody/revoke"])(
  "%s finds nothing",
  async (route) => {
    const body = route.startsWith("POST") ? { body: { reason } } : {};
    expectRefusal(await manage(world, route, body), { status: 404, code: "entitlement_not_found" });
  },
);

test.each([
  ["GET entitlements", "viewer"],
  ["GET entitlements/ent_1", "viewer"],
  ["POST entitlements", "publisher"],
  ["POST entitlements/ent_1/revoke", "publisher"],
] as const)("%s needs a %s", async (route, role) => {
  const before = await world.engine.storage.db.$count(entitlements);
  const body = route.startsWith("POST") ? {} : undefined;
  await expectRole(world, route, role, body);
  const elsewhere = await manage(world, route, { env: "env_nowhere", ...(body === undefined ? {} : { body }) });
  expectRefusal(elsewhere, { status: 404, code: "environment_not_found" });
  expect(await world.engine.storage.db.$count(entitlements)).toBe(before);
});
