import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createEnvironment } from "../../engine/create-environment.ts";
import { createKey } from "../../engine/keys.ts";
import { purchases } from "../../schemas/sales-tables.ts";
import { environmentOf, grant, signIn } from "../fakes/members.ts";
import { ask } from "../fakes/requests.ts";
import { createWorld, origin, type World } from "../fakes/world.ts";
import { expectRefusal } from "./answers.ts";

const reader = "reader+1@example.com";
const minute = 60_000;

let world: World;
let jwt: string;
/** By what they are, in the order in which they were granted. */
const ids: Record<string, string> = {};
let planId: string;
let offerId: string;
beforeAll(async () => {
  world = await createWorld();
  const { planIds, offers } = (await environmentOf(world)).compiled;
  planId = planIds.get("monthly") ?? "";
  [offerId = ""] = offers.keys();
  await insertPurchase("pur_1");
  const now = world.clock.now();
  const rows = {
    over: { startedAt: now - 2 * minute, endedAt: now - minute },
    revoked: { revokedAt: now - 1, startedAt: now - minute },
    toCome: { startedAt: now + minute },
    bought: { planId, offerId, purchaseId: "pur_1", endedAt: now + 30 * minute },
    given: { product: "print" },
  };
  for (const [i, [name, row]] of Object.entries(rows).entries()) {
    ids[name] = await grant(world, { identifier: reader, createdAt: now - 1000 + Math.min(i, 3), ...row });
  }
  await grant(world, { identifier: "somebody@example.com" });
  ({ jwt } = await signIn(world, reader));
});
afterAll(() => world.close());
afterEach(() => expect(world.faults.splice(0)).toEqual([]));

async function insertPurchase(id: string): Promise<void> {
  const createdAt = world.clock.now();
  const row = {
    id,
    environmentId: world.environmentId,
    offeringId: "o",
    identityKey: "user:x",
    attempt: 1,
    offerId,
    offerVersion: 2,
    accountId: "acct_world",
    sessionId: "cs_secret",
    status: "completed",
    completedAt: createdAt,
    createdAt,
  } as const;
  await world.engine.storage.write(async (tx) => tx.insert(purchases).values(row));
}

const own = (query = "", key = jwt) => ask(world, "GET", `/api/v1/entitlements${query}`, { key });
const of = (identifier: string, include = "") =>
  ask(world, "GET", `/api/v1/entitlements?userIdentifier=${encodeURIComponent(identifier)}${include}`);
const names = ({ body }: { body: { entitlements: { id: string }[] } }) =>
  body.entitlements.map(({ id }) => Object.keys(ids).find((name) => ids[name] === id));

describe("a member's entitlements", () => {
  test("are read with the member JWT alone, active ones, newest first, by any page", async () => {
    const answer = await own();
    expect([answer.status, answer.body.identifier]).toEqual([200, reader]);
    expect(names(answer)).toEqual(["given", "bought"]);
    const { productIds } = (await environmentOf(world)).compiled;
    expect(answer.body.entitlements[1]).toEqual({
      id: ids.bought,
      resource: { id: productIds.get("digital"), slug: "digital", name: "Digital Access" },
      started_at: "2026-03-01T12:00:00.000Z",
      ended_at: "2026-03-01T12:30:00.000Z",
      is_active: true,
    });
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    const preflight = await world.app.request("/api/v1/entitlements", {
      method: "OPTIONS",
      headers: { origin: "https://anywhere.example", "access-control-request-headers": "authorization" },
    });
    expect(preflight.headers.get("access-control-allow-headers")?.toLowerCase()).toContain("authorization");
  });

  test("are the same with a secret key and the identifier", async () => {
    expect((await of(reader)).body).toEqual((await own()).body);
    expect((await of("nobody@example.com")).body.entitlements).toEqual([]);
  });

  test("have those that are over, revoked and to come with include=inactive", async () => {
    const answer = await own("?include=inactive");
    expect(names(answer)).toEqual(["given", "bought", "toCome", "revoked", "over"]);
    const active = answer.body.entitlements.map((one: { is_active: boolean }) => one.is_active);
    expect(active).toEqual([true, true, false, false, false]);
    const [, bought, , revoked] = answer.body.entitlements;
    expect([bought.revoked_at, revoked.revoked_at, revoked.ended_at]).toEqual([null, "2026-03-01T11:59:59.999Z", null]);
  });

  test("have their plan and offer with include", async () => {
    const [given, bought] = (await own("?include=plan,offer")).body.entitlements;
    expect(bought.plan).toEqual({ id: planId, slug: "monthly", name: "Monthly Digital" });
    expect(bought.offer).toEqual({ id: offerId, slug: "premium", name: "Premium" });
    expect([given.plan, given.offer]).toEqual([null, null]);
    expect((await own("?include=plan&include=offer")).body.entitlements).toEqual([given, bought]);
    expect((await own()).body.entitlements[0]).not.toHaveProperty("plan");
  });

  test("have their purchase with include, for a secret key alone", async () => {
    const [given, bought] = (await of(reader, "&include=purchase")).body.entitlements;
    const purchase = { id: "pur_1", status: "completed", completed_at: "2026-03-01T12:00:00.000Z" };
    expect([given.purchase, bought.purchase]).toEqual([null, purchase]);
    expectRefusal(await own("?include=plan,purchase"), { status: 403, code: "secret_key_required" });
  });

  test("take Allegro's words resource and product, which change nothing, and spaces", async () => {
    expect((await own("?include=resource,%20product,")).body).toEqual((await own()).body);
    expect((await own("?include=")).body).toEqual((await own()).body);
  });

  test.each(["everything", "plan,plans", "constructor", "Inactive", "%22%3E"])(
    "are refused for include=%s, which is named",
    async (include) => {
      const answer = await own(`?include=${include}`);
      const stranger = JSON.stringify(decodeURIComponent(include.split(",").at(-1) ?? ""));
      const issues = [{ path: "include", message: expect.stringContaining(stranger) }];
      expectRefusal(answer, { status: 400, code: "invalid_body", more: { issues } });
    },
  );

  test("are nobody else's: a member cannot name somebody", async () => {
    const needed = { status: 403, code: "secret_key_required" } as const;
    expectRefusal(await own("?userIdentifier=somebody%40example.com"), needed);
    expectRefusal(await own(`?userIdentifier=${encodeURIComponent(reader)}`), needed);
  });
});

describe("the entitlements of nobody", () => {
  test("are not read without a credential, or with one that is none", async () => {
    expectRefusal(await ask(world, "GET", "/api/v1/entitlements", { key: null }), {
      status: 401,
      code: "invalid_api_key",
    });
    for (const key of ["hello", "a.b.c", world.adminToken, `${jwt}x`]) {
      expectRefusal(await own("", key), { status: 401, code: "invalid_user_jwt" });
    }
    expectRefusal(await own("", `${world.secretKey}x`), { status: 401, code: "invalid_api_key" });
  });

  test("are not read with a public key, from an allowed page either", async () => {
    const answer = await ask(world, "GET", `/api/v1/entitlements?userIdentifier=${reader}`, {
      key: world.publicKey,
      headers: { origin },
    });
    expectRefusal(answer, { status: 403, code: "secret_key_required" });
  });

  test.each(["", "?userIdentifier=", `?userIdentifier=${"x".repeat(513)}`])(
    "are not read with a secret key and %j",
    async (query) => {
      const issues = [{ path: "userIdentifier", message: expect.any(String) }];
      expectRefusal(await own(query, world.secretKey), { status: 400, code: "invalid_body", more: { issues } });
    },
  );

  test("are not read from another environment", async () => {
    await createEnvironment(world.engine, { id: "env_other", name: "Other" });
    const { key } = await createKey(world.engine, "env_other", "sk", "other");
    const answer = await own(`?userIdentifier=${encodeURIComponent(reader)}&include=inactive`, key);
    expect(answer.body.entitlements).toEqual([]);
  });
});
