import { drizzle } from "drizzle-orm/libsql";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { applyConfig } from "../../engine/config/apply.ts";
import { readEntitlements, readHoldings } from "../../engine/entitlements.ts";
import { environmentOf, grant, signIn } from "../fakes/members.ts";
import { ask, decideFor } from "../fakes/requests.ts";
import { sampleConfig } from "../fakes/sample-config.ts";
import { createWorld, type World } from "../fakes/world.ts";
import { edges } from "./entitlement-edges.ts";

let world: World;
let startMs: number;
beforeAll(async () => {
  world = await createWorld();
  startMs = world.clock.now();
});
afterAll(() => world.close());
beforeEach(() => world.clock.set(startMs));

const member = () => `member-${crypto.randomUUID()}`;

async function grantAll(identifier: string, rows: (typeof edges)[number]["rows"]): Promise<void> {
  const absolute = (ms: number | null | undefined) => (ms === null || ms === undefined ? null : startMs + ms);
  for (const { start, end, revoked } of rows) {
    await grant(world, {
      identifier,
      startedAt: startMs + start,
      endedAt: absolute(end),
      revokedAt: absolute(revoked),
      createdAt: startMs + start,
    });
  }
}

const check = (identifier: string, more: object = {}) =>
  ask(world, "POST", "/api/v1/access-checks", {
    body: { identity: { userIdentifier: identifier }, products: ["digital"], ...more },
  });

describe("an entitlement", () => {
  test.each(edges)("$name: $active", async ({ rows, at, now, active }) => {
    const identifier = member();
    await grantAll(identifier, rows);
    world.clock.set(startMs + (now ?? at));
    const { body } = await check(identifier, { at: new Date(startMs + at).toISOString() });
    expect(body.access).toEqual({ digital: active });
    expect(body.entitlements.length > 0).toBe(active);
  });

  test.each(edges.filter(({ now }) => now === undefined))(
    "$name: the same now for a check, a list, a decision and a member JWT",
    async ({ rows, at, active }) => {
      const identifier = member();
      await grantAll(identifier, rows);
      world.clock.set(startMs + at);
      expect((await check(identifier)).body.access).toEqual({ digital: active });
      const list = await ask(world, "GET", `/api/v1/entitlements?include=inactive&userIdentifier=${identifier}`);
      expect(list.body.entitlements).toHaveLength(rows.length);
      expect(list.body.entitlements.some((one: { is_active: boolean }) => one.is_active)).toBe(active);
      const { body } = await decideFor(world, { userIdentifier: identifier }, { dryRun: true });
      expect(body.customer).toMatchObject({ isCustomer: true, hasProducts: active });
      const { jwt } = await signIn(world, identifier);
      const own = await ask(world, "GET", "/api/v1/entitlements", { key: jwt });
      // a JWT that counts whole seconds may be over already when what it lists is
      if (own.status === 200) expect(own.body.entitlements.length > 0).toBe(active);
    },
  );
});

describe("what somebody holds", () => {
  test("is found by the identifier of a member and by the session of a guest, and by nobody else's", async () => {
    const identifier = member();
    const guest = `guest_${identifier}`;
    const id = await grant(world, { identifier, guest });
    for (const who of [identifier, guest]) {
      expect((await readHoldings(world.engine.storage, world.environmentId, who, startMs)).products.size).toBe(1);
      expect((await readEntitlements(world.engine.storage, world.environmentId, who)).map((row) => row.id)).toEqual([
        id,
      ]);
    }
    for (const who of [`${identifier}x`, "guest_", ""]) {
      expect(await readEntitlements(world.engine.storage, world.environmentId, who)).toEqual([]);
    }
    expect(await readEntitlements(world.engine.storage, "env_other", identifier)).toEqual([]);
  });

  test("counts once where identifier and guest are the same", async () => {
    const guest = `guest_${member()}`;
    await grant(world, { identifier: guest, guest });
    expect(await readEntitlements(world.engine.storage, world.environmentId, guest)).toHaveLength(1);
  });

  test("is looked up in both indexes, never by going through the environment", async () => {
    const { storage } = world.engine;
    const asked: { sql: string; args: string[] }[] = [];
    const logQuery = (sql: string, args: unknown[]) => asked.push({ sql, args: args.map(String) });
    const logged = { ...storage, db: drizzle(storage.client, { logger: { logQuery } }) };
    await readHoldings(logged, world.environmentId, "x", startMs);
    await readEntitlements(logged, world.environmentId, "x");
    expect(asked).toHaveLength(2);
    for (const { sql, args } of asked) {
      const { rows } = await storage.client.execute({ sql: `explain query plan ${sql}`, args });
      const plan = rows.map(({ detail }) => String(detail)).filter((line) => /SEARCH|SCAN/.test(line));
      expect(plan).toEqual([
        expect.stringMatching(/entitlements_by_identifier \(environment_id=\? AND identifier=\?\)/),
        expect.stringMatching(/entitlements_by_guest \(environment_id=\? AND guest=\?\)/),
      ]);
    }
  });
});

describe("an entitlement to a product that the configuration no longer has", () => {
  const apply = (config: object) =>
    applyConfig(world.engine, world.environmentId, config, { author: "test", dryRun: false, expectedVersion: null });
  const shownTo = async (identifier: string) => {
    const { body } = await ask(world, "GET", `/api/v1/entitlements?include=plan,offer&userIdentifier=${identifier}`);
    return body.entitlements[0];
  };

  test("is shown with the name that the newest version knew, and is access all the same", async () => {
    const identifier = member();
    const [digital, print] = sampleConfig().products;
    const printId = (await environmentOf(world)).compiled.productIds.get("print");
    await grant(world, { identifier, product: "print" });
    await apply({ ...sampleConfig(), products: [digital, { ...print, name: "The Paper" }] });
    expect((await shownTo(identifier)).resource).toEqual({ id: printId, slug: "print", name: "The Paper" });
    await apply({ ...sampleConfig(), products: [digital] });
    expect((await shownTo(identifier)).resource).toEqual({ id: printId, slug: "print", name: "The Paper" });
    const { body } = await check(identifier, { products: ["print", printId, "digital"] });
    expect(body.access).toEqual({ print: true, [printId ?? ""]: true, digital: false });
    expect(body.unknownProducts).toEqual([]);
    await apply(sampleConfig());
    expect((await shownTo(identifier)).resource.name).toBe("Print Edition");
  });

  test("is shown by its slug where no version has a name, and by its id where there is no slug", async () => {
    const [one, two] = [member(), member()];
    const id = "prod_lost";
    await world.engine.storage.client.execute({
      sql: "insert into entity_ids (environment_id, kind, slug, id) values (?, 'product', 'lost', ?)",
      args: [world.environmentId, id],
    });
    await grant(world, { identifier: one, product: id });
    await grant(world, { identifier: two, product: "prod_nowhere" });
    expect((await shownTo(one)).resource).toEqual({ id, slug: "lost", name: "lost" });
    expect((await shownTo(two)).resource).toEqual({ id: "prod_nowhere", slug: "prod_nowhere", name: "prod_nowhere" });
  });

  test("keeps the names of its plan and offer too", async () => {
    const identifier = member();
    const { planIds, offers } = (await environmentOf(world)).compiled;
    const planId = planIds.get("monthly") ?? "";
    const [offerId = ""] = offers.keys();
    await grant(world, { identifier, planId, offerId });
    const { products } = sampleConfig();
    await apply({ products });
    expect(await shownTo(identifier)).toMatchObject({
      plan: { id: planId, slug: "monthly", name: "Monthly Digital" },
      offer: { id: offerId, slug: "premium", name: "Premium" },
    });
    await apply(sampleConfig());
  });
});
