import { and, eq, isNull } from "drizzle-orm";
import { signingKeys } from "../schemas/tables.ts";
import { randomText } from "./digest.ts";
import type { Engine } from "./engine.ts";
import { bumpRevision } from "./revision.ts";
import { newSigningSecret } from "./token.ts";

/** The longest that an offer token may live: `offerTokenTtlSeconds` allows no more. */
const longestTokenLifeMs = 2_592_000_000;

/** A new key of an environment, sealed for storage. `kid` sorts nothing and tells nothing. */
export async function newSigningKey(engine: Engine, environmentId: string): Promise<typeof signingKeys.$inferInsert> {
  const kid = `k_${randomText(12)}`;
  const secretSealed = await engine.vault.seal(newSigningSecret(), `signing:${kid}`);
  return { kid, environmentId, secretSealed, createdAt: engine.now() };
}

/**
 * Makes a new key that signs offer tokens from now on. The older ones verify for as long as a token that they signed
 * may live. Throws `environment_not_found`.
 */
export async function rotateSigningKey(engine: Engine, environmentId: string): Promise<{ kid: string }> {
  const key = await newSigningKey(engine, environmentId);
  const verifyUntil = engine.now() + longestTokenLifeMs;
  await engine.storage.write(async (tx) => {
    await bumpRevision(tx, environmentId);
    await tx
      .update(signingKeys)
      .set({ verifyUntil })
      .where(and(eq(signingKeys.environmentId, environmentId), isNull(signingKeys.verifyUntil)));
    await tx.insert(signingKeys).values(key);
  });
  await engine.environments.reload(environmentId);
  return { kid: key.kid };
}
