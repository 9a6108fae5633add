import type { Environment } from "../../engine/environments.ts";
import { type MemberSession, openSession } from "../../engine/member-sessions.ts";
import { entitlements } from "../../schemas/sales-tables.ts";
import type { World } from "./world.ts";

type Row = typeof entitlements.$inferInsert;

/** An entitlement to grant: `product` is a slug or an id, times are milliseconds since the epoch. */
export type Granted = Partial<Omit<Row, "productId">> & { identifier: string; product?: string };

/** The world's environment as the engine has it in memory. */
export async function environmentOf(world: World, id = world.environmentId): Promise<Environment> {
  const environment = await world.engine.environments.get(id);
  if (environment === undefined) throw new Error(`there is no ${id}`);
  return environment;
}

/** Inserts an entitlement, to `digital` from the world's now on and without an end where nothing else is said. */
export async function grant(world: World, { product = "digital", ...rest }: Granted): Promise<string> {
  const { productIds } = (await environmentOf(world)).compiled;
  const id = `ent_${crypto.randomUUID()}`;
  const nowMs = world.clock.now();
  const row: Row = {
    id,
    environmentId: world.environmentId,
    productId: productIds.get(product) ?? product,
    cause: `manual:${id}`,
    startedAt: nowMs,
    createdAt: nowMs,
    ...rest,
  };
  await world.engine.storage.write(async (tx) => tx.insert(entitlements).values(row));
  world.engine.holders.note(row.environmentId, row.identifier);
  if (row.guest) world.engine.holders.note(row.environmentId, row.guest);
  return id;
}

/** Opens a session as the exchange of a purchase token does. */
export async function signIn(world: World, identifier: string): Promise<MemberSession> {
  return openSession(world.engine, await environmentOf(world), identifier);
}
