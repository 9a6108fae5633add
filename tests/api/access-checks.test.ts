// Past 250 lines: one route: moments, people, what is awaited, and who may ask.
import { drizzle } from "drizzle-orm/libsql";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { readAwaitingPayment } from "../../engine/read-purchases.ts";
import { environmentOf, grant, signIn } from "../fakes/members.ts";
import { type Answer, ask, decideFor } from "../fakes/requests.ts";
import { askAsPage, sessionFor } from "../fakes/sales.ts";
import { createWorld, origin, type World } from "../fakes/world.ts";
import { eventOf, expectRefusal, tracesOf, uuid } from "./answers.ts";

let world: World;
let digitalId: string;
let granted: string;
beforeAll(async () => {
  world = await createWorld();
  digitalId = (await environmentOf(world)).compiled.productIds.get("digital") ?? "";
  granted = await grant(world, {
    identifier: "reader@example.com",
    endedAt: world.clock.now() + 60_000,
    guest: "guest_of_reader",
  });
  await world.engine.holders.refresh();
});
afterAll(() => world.close());
afterEach(() => expect(world.faults.splice(0)).toEqual([]));

const check = (body: unknown, more: object = {}): Promise<Answer> =>
  ask(world, "POST", "/api/v1/access-checks", { body, ...more });
const page = () => ({ key: world.publicKey, headers: { origin } });
const reader = { userIdentifier: "reader@example.com" };

describe("an access check", () => {
  test("says who it is, what is held, and which of the products may be used", async () => {
    const { status, body } = await check({ identity: reader, products: ["digital", "print"] });
    expect(status).toBe(200);
    expect(body).toEqual({
      status: "success",
      eventId: expect.stringMatching(uuid),
      identity: { authType: "provided", isAuthenticated: true, identifier: "reader@example.com", jwtClaims: {} },
      customer: { isCustomer: true, hasProducts: true, customerIdentifiers: ["reader@example.com"] },
      features: {},
      at: "2026-03-01T12:00:00.000Z",
      entitlements: [
        {
          id: granted,
          resource: { id: digitalId, slug: "digital", name: "Digital Access" },
          started_at: "2026-03-01T12:00:00.000Z",
          ended_at: "2026-03-01T12:01:00.000Z",
          is_active: true,
        },
      ],
      access: { digital: true, print: false },
      unknownProducts: [],
      awaitingPayment: [],
    });
  });

  test("needs no products: then it says what is held", async () => {
    const { body } = await check({ identity: reader });
    expect([body.access, body.unknownProducts, body.entitlements.length]).toEqual([{}, [], 1]);
  });

  test("takes a product by its id too, and answers in the words of the question", async () => {
    const { body } = await check({ identity: reader, products: [digitalId, "digital", "digital"] });
    expect(body.access).toEqual({ [digitalId]: true, digital: true });
  });

  test("says false of products that there are not, and names them", async () => {
    const names = ["nowhere", "__proto__", "constructor", "off_1", "<script>", "\ud800", "digital"];
    const { status, text, body } = await check({ identity: reader, products: names });
    expect(status).toBe(200);
    expect(body.unknownProducts).toEqual(names.slice(0, -1));
    for (const name of names.slice(0, -1)) expect(text).toContain(`${JSON.stringify(name)}:false`);
    expect(body.access.digital).toBe(true);
  });

  test("knows nothing of plans and offers as products", async () => {
    const { planIds, offers } = (await environmentOf(world)).compiled;
    const names = ["monthly", ...planIds.values(), ...offers.keys()];
    const { body } = await check({ identity: reader, products: names });
    expect(body.unknownProducts).toEqual(names);
  });

  test("of a moment says what was or will be held then", async () => {
    const at = async (moment: string) => (await check({ identity: reader, products: ["digital"], at: moment })).body;
    expect((await at("2026-03-01T11:59:59.999Z")).access).toEqual({ digital: false });
    expect((await at("2026-03-01T13:00:59.999+01:00")).access).toEqual({ digital: true });
    const after = await at("2026-03-01T12:01:00Z");
    expect(after).toMatchObject({ at: "2026-03-01T12:01:00.000Z", access: { digital: false }, entitlements: [] });
    expect(after.customer).toMatchObject({ isCustomer: true, hasProducts: false });
  });

  test.each([
    "yesterday",
    "2026-02-31T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-03-01",
    "2026-03-01T12:00:00",
    "2026-02-29T23:59:59+14:00",
    "",
    1772366400,
    null,
  ])("is refused for the moment %j", async (at) => {
    const answer = await check({ identity: reader, at });
    const issues = [{ path: "at", message: expect.any(String) }];
    expectRefusal(answer, { status: 400, code: "invalid_body", more: { issues } });
  });

  test.each([["digital"], [[""]], [[7]], [["x".repeat(201)]], [Array.from({ length: 201 }, () => "digital")]])(
    "is refused for the products %j",
    async (products) => {
      const answer = await check({ identity: reader, products: typeof products === "string" ? products : products });
      expect([answer.status, answer.body.code]).toEqual([400, "invalid_body"]);
    },
  );

  test("takes every form of identity, and an anonymous visitor has nothing, whatever the name", async () => {
    const { jwt } = await signIn(world, "reader@example.com");
    const { jwt: guests } = await signIn(world, "guest_of_reader");
    const access = async (identity: object) => (await check({ identity, products: ["digital"] })).body.access.digital;
    expect(await access({ userJwt: jwt })).toBe(true);
    expect(await access({ userJwt: guests })).toBe(true);
    expect(await access({ userIdentifier: "guest_of_reader" })).toBe(true);
    for (const anonymousIdentifier of ["reader@example.com", "guest_of_reader", "visitor"]) {
      expect(await access({ anonymousIdentifier })).toBe(false);
    }
    expect(await access({ createAnonymousIdentifier: true })).toBe(false);
    expect(await access({ userJwt: "hello", createAnonymousIdentifierFallback: true })).toBe(false);
  });

  test("sees at once what was granted and revoked elsewhere, whatever memory says", async () => {
    const { client } = world.engine.storage;
    const access = async () =>
      (await check({ identity: { userIdentifier: "late" }, products: ["digital"] })).body.access;
    expect(await access()).toEqual({ digital: false });
    await client.execute({
      sql: `insert into entitlements (id, environment_id, identifier, product_id, cause, started_at, created_at)
            values ('ent_late', ?, 'late', ?, 'manual:late', 0, 0)`,
      args: [world.environmentId, digitalId],
    });
    expect(world.engine.holders.mayHold(world.environmentId, "late")).toBe(false);
    expect(await access()).toEqual({ digital: true });
    await client.execute({
      sql: "update entitlements set revoked_at = ? where id = 'ent_late'",
      args: [world.clock.now()],
    });
    expect(await access()).toEqual({ digital: false });
  });

  test("is recorded as an event, without the JWT", async () => {
    const { jwt } = await signIn(world, "reader@example.com");
    const { body } = await check({ identity: { userJwt: jwt }, products: ["digital"], resource: { id: "/a" } });
    const event = await eventOf(world, body.eventId);
    expect(event).toMatchObject({ type: "access-check", status: "success", identifier: "reader@example.com" });
    expect(event.data.request).toEqual({ identity: { userJwt: "***" }, products: ["digital"], resource: { id: "/a" } });
    expect(event.data.response).toMatchObject({ access: { digital: true }, eventId: body.eventId });
    expect(event.data.about).toMatchObject({
      configVersion: 2,
      keyId: expect.any(String),
      durationMs: expect.any(Number),
    });
    expect(JSON.stringify(event)).not.toContain(jwt);
  });
});

describe("a page's access check", () => {
  test("is answered for a member JWT, and the page may read it", async () => {
    const { jwt } = await signIn(world, "reader@example.com");
    const { status, body, headers } = await check({ identity: { userJwt: jwt }, products: ["digital"] }, page());
    expect([status, body.access]).toEqual([200, { digital: true }]);
    expect(headers.get("access-control-allow-origin")).toBe("*");
  });

  test("is refused for what only a site's server may say", async () => {
    const before = await tracesOf(world);
    const needed = { status: 403, code: "secret_key_required" } as const;
    expectRefusal(await check({ identity: reader }, page()), needed);
    const identity = { createAnonymousIdentifier: true };
    expectRefusal(await check({ identity, cloudflare: { cf: {} } }, page()), needed);
    const headers = { origin, "x-mos-user-agent": "x" };
    expectRefusal(await check({ identity }, { key: world.publicKey, headers }), needed);
    expectRefusal(await check({ identity }, { key: world.publicKey }), { status: 403, code: "origin_not_allowed" });
    expectRefusal(await check({ identity }, { key: null }), { status: 401, code: "invalid_api_key" });
    expect(await tracesOf(world)).toEqual(before);
  });
});

describe("a payment that is on its way", () => {
  let sold: World;
  beforeAll(async () => {
    sold = await createWorld({ webhooks: true });
  });
  afterAll(() => sold.close());

  const awaited = async (identity: object) =>
    (await ask(sold, "POST", "/api/v1/access-checks", { body: { identity } })).body.awaitingPayment;

  /** A session of a reader's who has chosen to pay by what settles later. */
  async function payLater(email: string): Promise<string> {
    const { id } = await sessionFor(sold, { userIdentifier: email });
    expect(await awaited({ userIdentifier: email })).toEqual([]);
    sold.stripe.pay(id, { email, method: "delayed" });
    await sold.stripe.settled();
    return id;
  }

  test("is told to whoever pays, by a page too, and to nobody else, until it has arrived", async () => {
    const identity = { userIdentifier: "late@example.com" };
    const session = await payLater(identity.userIdentifier);
    const own = await awaited(identity);
    const named = { id: expect.any(String), slug: expect.any(String), name: expect.any(String) };
    const createdAt = "2026-03-01T12:00:00.000Z";
    expect(own).toEqual([{ purchaseId: expect.stringMatching(/^pur_/), offer: named, plan: named, createdAt }]);
    const { jwt } = await signIn(sold, identity.userIdentifier);
    const asked = await askAsPage(sold, "/api/v1/access-checks", { identity: { userJwt: jwt } });
    expect(asked.body.awaitingPayment).toEqual(own);
    expect(await awaited({ userIdentifier: "another@example.com" })).toEqual([]);
    expect(await awaited({ anonymousIdentifier: identity.userIdentifier })).toEqual([]);
    sold.stripe.settleDelayedPayment(session, "succeeded");
    await sold.stripe.settled();
    expect(await awaited(identity)).toEqual([]);
  });

  test("is told no more when it fails", async () => {
    const identity = { userIdentifier: "declined@example.com" };
    const session = await payLater(identity.userIdentifier);
    expect(await awaited(identity)).toHaveLength(1);
    sold.stripe.settleDelayedPayment(session, "failed");
    await sold.stripe.settled();
    expect(await awaited(identity)).toEqual([]);
  });

  test("is looked up in its index", async () => {
    const { storage } = sold.engine;
    const asked: { sql: string; args: string[] }[] = [];
    const logQuery = (sql: string, args: unknown[]) => asked.push({ sql, args: args.map(String) });
    const logged = { ...storage, db: drizzle(storage.client, { logger: { logQuery } }) };
    await readAwaitingPayment(logged, sold.environmentId, { identifier: "x", isAuthenticated: true });
    const [{ sql, args } = { sql: "", args: [] }] = asked;
    const { rows } = await storage.client.execute({ sql: `explain query plan ${sql}`, args });
    expect(String(rows[0]?.detail)).toMatch(/purchases_awaiting_payment \(environment_id=\? AND identity_key=\?\)/);
  });
});

describe("an access check while the entitlements cannot be read", () => {
  const { execute } = { execute: (sql: string) => world.engine.storage.client.execute(sql) };
  beforeAll(() => execute("alter table entitlements rename to entitlements_away"));
  afterAll(() => execute("alter table entitlements_away rename to entitlements"));

  test("is refused for now, although a decision goes on without", async () => {
    for (const who of [reader, { userIdentifier: "nobody@example.com" }]) {
      const answer = await check({ identity: who, products: ["digital"] });
      expectRefusal(answer, { status: 503, code: "storage_unavailable" });
      expect(answer.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
      expect(answer.text).not.toMatch(/entitlements_away|select|sqlite/i);
    }
    expect((await decideFor(world, reader)).status).toBe(200);
    expect(world.faults.splice(0)).not.toEqual([]);
  });
});

describe("a member JWT while the sessions cannot be read", () => {
  const { execute } = { execute: (sql: string) => world.engine.storage.client.execute(sql) };
  let jwt: string;
  beforeAll(async () => {
    ({ jwt } = await signIn(world, "reader@example.com"));
    await execute("alter table member_sessions rename to member_sessions_away");
  });
  afterAll(() => execute("alter table member_sessions_away rename to member_sessions"));

  test("is not believed", async () => {
    const unavailable = { status: 503, code: "storage_unavailable" } as const;
    expectRefusal(await check({ identity: { userJwt: jwt }, products: ["digital"] }), unavailable);
    expectRefusal(await decideFor(world, { userJwt: jwt }), unavailable);
    expectRefusal(await ask(world, "GET", "/api/v1/entitlements", { key: jwt }), unavailable);
    const identity = { userJwt: jwt, createAnonymousIdentifierFallback: true };
    const { body } = await check({ identity, products: ["digital"] });
    expect([body.identity.authType, body.access]).toEqual(["anonymous", { digital: false }]);
    expect(world.faults.splice(0)).toHaveLength(3);
  });
});
