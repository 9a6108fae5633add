import { and, asc, eq, sql } from "drizzle-orm";
import * as v from "valibot";
import { customData } from "../schemas/identity-tables.ts";
import { Json, type JsonObject } from "../schemas/json.ts";
import type { Database } from "./storage.ts";

/** Whose value, and which. `identityKey` as `engine/identity.ts` makes it. */
export type CustomDataKey = { environmentId: string; identityKey: string; key: string };

/** So many keys one identity may have. */
export const mostKeys = 64;

/** So long a value may be as JSON, in characters. */
export const longestValue = 16 * 1024;

/** One value, or null. */
export async function readCustomData(db: Database, { environmentId, identityKey, key }: CustomDataKey): Promise<Json> {
  const own = and(ofIdentity(environmentId, identityKey), eq(customData.key, key));
  const [row] = await db.select({ value: customData.value }).from(customData).where(own);
  return row === undefined ? null : parsed(row.value);
}

/** Every value of an identity by its key. */
export async function readAllCustomData(
  db: Database,
  { environmentId, identityKey }: Omit<CustomDataKey, "key">,
): Promise<JsonObject> {
  const { key, value } = customData;
  const rows = db.select({ key, value }).from(customData).where(ofIdentity(environmentId, identityKey));
  return Object.fromEntries((await rows.orderBy(asc(key))).map((row) => [row.key, parsed(row.value)]));
}

/** Writes a value, whatever was there. False where the identity has as many keys as it may, and this one is not among them. */
export async function writeCustomData(
  tx: Database,
  { environmentId, identityKey, key }: CustomDataKey,
  { value, nowMs }: { value: Json; nowMs: number },
): Promise<boolean> {
  const own = sql`environment_id = ${environmentId} and identity_key = ${identityKey}`;
  const written = await tx.all(sql`
    insert into ${customData} (environment_id, identity_key, key, value, updated_at)
    select ${environmentId}, ${identityKey}, ${key}, ${JSON.stringify(value)}, ${nowMs}
    where exists (select 1 from ${customData} where ${own} and key = ${key})
      or (select count(*) from ${customData} where ${own}) < ${mostKeys}
    on conflict (environment_id, identity_key, key) do update set value = excluded.value, updated_at = excluded.updated_at
    returning key`);
  return written.length === 1;
}

/** Deletes a value; one that is not there is well deleted. */
export async function deleteCustomData(
  tx: Database,
  { environmentId, identityKey, key }: CustomDataKey,
): Promise<void> {
  await tx.delete(customData).where(and(ofIdentity(environmentId, identityKey), eq(customData.key, key)));
}

function ofIdentity(environmentId: string, identityKey: string) {
  return and(eq(customData.environmentId, environmentId), eq(customData.identityKey, identityKey));
}

function parsed(text: string): Json {
  return v.parse(Json, JSON.parse(text));
}
