import { eq } from "drizzle-orm";
import { environmentSecrets, stripeAccounts } from "../schemas/tables.ts";
import type { Engine } from "./engine.ts";
import { bumpRevision } from "./revision.ts";

/** Connects a Stripe account, or replaces its secret key. The key is sealed and is never given out again. */
export async function connectStripeAccount(
  engine: Engine,
  environmentId: string,
  { accountId, secretKey }: { accountId: string; secretKey: string },
): Promise<void> {
  const secretKeySealed = await engine.vault.seal(secretKey, `stripe:${environmentId}:${accountId}`);
  await engine.storage.write(async (tx) => {
    await bumpRevision(tx, environmentId);
    await tx
      .insert(stripeAccounts)
      .values({ environmentId, accountId, secretKeySealed, createdAt: engine.now() })
      .onConflictDoUpdate({
        target: [stripeAccounts.environmentId, stripeAccounts.accountId],
        set: { secretKeySealed },
      });
  });
  await engine.environments.reload(environmentId);
}

/** The ids of an environment's Stripe accounts. */
export function listStripeAccounts(engine: Engine, environmentId: string) {
  const { accountId, createdAt } = stripeAccounts;
  const rows = engine.storage.db.select({ accountId, createdAt }).from(stripeAccounts);
  return rows.where(eq(stripeAccounts.environmentId, environmentId));
}

/** Sets a secret that workflows read in `env`. It can be replaced, not read back. */
export async function setSecret(
  engine: Engine,
  environmentId: string,
  { name, value }: { name: string; value: string },
): Promise<void> {
  const valueSealed = await engine.vault.seal(value, `secret:${environmentId}:${name}`);
  const updatedAt = engine.now();
  await engine.storage.write(async (tx) => {
    await bumpRevision(tx, environmentId);
    await tx
      .insert(environmentSecrets)
      .values({ environmentId, name, valueSealed, updatedAt })
      .onConflictDoUpdate({
        target: [environmentSecrets.environmentId, environmentSecrets.name],
        set: { valueSealed, updatedAt },
      });
  });
  await engine.environments.reload(environmentId);
}
