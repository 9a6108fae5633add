import { and, desc, eq } from "drizzle-orm";
import { environmentSecrets, stripeAccounts, stripeWebhookSecrets } from "../schemas/tables.ts";
import { randomText } from "./digest.ts";
import type { Engine } from "./engine.ts";
import { ScripError } from "./error.ts";
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

/** An account's secrets of webhooks, newest first, without their text. */
export function listWebhookSecrets(engine: Engine, environmentId: string, accountId: string) {
  const { id, createdAt } = stripeWebhookSecrets;
  return engine.storage.db
    .select({ id, createdAt })
    .from(stripeWebhookSecrets)
    .where(ofAccount(environmentId, accountId))
    .orderBy(desc(createdAt));
}

/**
 * Adds a secret that signs an account's webhooks (`whsec_…`, of an endpoint at Stripe). Those that are there count on,
 * so that a secret can be replaced without a gap. The same secret again adds nothing. Throws `account_not_found`.
 */
export async function addWebhookSecret(
  engine: Engine,
  environmentId: string,
  { accountId, secret }: { accountId: string; secret: string },
): Promise<{ id: string }> {
  const environment = await engine.environments.reload(environmentId);
  const known = environment?.stripeWebhookSecrets.get(accountId);
  if (known === undefined) {
    throw new ScripError("account_not_found", `${environmentId} has no Stripe account ${accountId}: connect it first`);
  }
  const fresh = `whs_${randomText(12)}`;
  const secretSealed = await engine.vault.seal(secret, `stripe-webhook:${fresh}`);
  const id = await engine.storage.write(async (tx) => {
    for (const row of await tx.select().from(stripeWebhookSecrets).where(ofAccount(environmentId, accountId))) {
      if ((await engine.vault.open(row.secretSealed, `stripe-webhook:${row.id}`)) === secret) return row.id;
    }
    await bumpRevision(tx, environmentId);
    await tx
      .insert(stripeWebhookSecrets)
      .values({ id: fresh, environmentId, accountId, secretSealed, createdAt: engine.now() });
    return fresh;
  });
  await engine.environments.reload(environmentId);
  return { id };
}

/** Ends a secret of webhooks. Throws `webhook_secret_not_found`. */
export async function removeWebhookSecret(
  engine: Engine,
  environmentId: string,
  { accountId, id }: { accountId: string; id: string },
): Promise<void> {
  const removed = await engine.storage.write(async (tx) => {
    await bumpRevision(tx, environmentId);
    const own = and(ofAccount(environmentId, accountId), eq(stripeWebhookSecrets.id, id));
    return tx.delete(stripeWebhookSecrets).where(own).returning({ id: stripeWebhookSecrets.id });
  });
  if (removed.length === 0) throw new ScripError("webhook_secret_not_found", `${accountId} has no secret ${id}`);
  await engine.environments.reload(environmentId);
}

function ofAccount(environmentId: string, accountId: string) {
  return and(eq(stripeWebhookSecrets.environmentId, environmentId), eq(stripeWebhookSecrets.accountId, accountId));
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
