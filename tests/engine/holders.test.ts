import { afterAll, beforeAll, expect, test } from "vitest";
import { entitlements } from "../../schemas/sales-tables.ts";
import { decideFor } from "../fakes/requests.ts";
import { createWorld, type World } from "../fakes/world.ts";

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

async function grant(identifier: string, guest: string | null = null): Promise<void> {
  const id = crypto.randomUUID();
  const { environmentId } = world;
  const row = {
    id,
    environmentId,
    identifier,
    guest,
    productId: "prod_1",
    cause: `manual:${id}`,
    startedAt: 0,
    createdAt: 0,
  };
  await world.engine.storage.write(async (tx) => tx.insert(entitlements).values(row));
}

async function isCustomer(userIdentifier: string): Promise<boolean> {
  return (await decideFor(world, { userIdentifier })).body.customer.isCustomer;
}

test("before the first refresh everybody is asked of the database", async () => {
  await grant("early@example.com");
  expect(world.engine.holders.mayHold(world.environmentId, "nobody@example.com")).toBe(true);
  expect(await isCustomer("early@example.com")).toBe(true);
});

test("after a refresh those who hold something are known, and nobody else", async () => {
  await world.engine.holders.refresh();
  const { holders } = world.engine;
  expect(holders.mayHold(world.environmentId, "early@example.com")).toBe(true);
  expect(holders.mayHold(world.environmentId, "nobody@example.com")).toBe(false);
  expect(holders.mayHold("env_other", "early@example.com")).toBe(false);
  expect(await isCustomer("early@example.com")).toBe(true);
  expect(await isCustomer("nobody@example.com")).toBe(false);
});

test("what another process grants is seen after the next refresh", async () => {
  await grant("late@example.com");
  expect(world.engine.holders.mayHold(world.environmentId, "late@example.com")).toBe(false);
  await world.engine.holders.refresh();
  expect(await isCustomer("late@example.com")).toBe(true);
});

test("a guest is known by the session, beside the member that it bought for", async () => {
  await grant("buyer@example.com", "guest_1");
  await world.engine.holders.refresh();
  for (const who of ["buyer@example.com", "guest_1"]) {
    expect(world.engine.holders.mayHold(world.environmentId, who)).toBe(true);
    expect(await isCustomer(who)).toBe(true);
  }
});

test("who was noted is known at once, before any refresh", async () => {
  await grant("noted@example.com");
  world.engine.holders.note(world.environmentId, "noted@example.com");
  expect(world.engine.holders.mayHold("env_other", "noted@example.com")).toBe(false);
  expect(await isCustomer("noted@example.com")).toBe(true);
});

test("more entitlements than one page are all read", async () => {
  const rows = Array.from({ length: 12_000 }, (_, i) => ({
    id: `ent_${i}`,
    environmentId: world.environmentId,
    identifier: `member-${i}`,
    productId: "prod_1",
    cause: `manual:${i}`,
    startedAt: 0,
    createdAt: 0,
  }));
  for (let i = 0; i < rows.length; i += 1000) {
    await world.engine.storage.write(async (tx) => tx.insert(entitlements).values(rows.slice(i, i + 1000)));
  }
  await world.engine.holders.refresh();
  const { holders } = world.engine;
  expect(rows.every(({ identifier }) => holders.mayHold(world.environmentId, identifier))).toBe(true);
  const strangers = rows.filter((_, i) => holders.mayHold(world.environmentId, `stranger-${i}`));
  expect(strangers).toEqual([]);
});
