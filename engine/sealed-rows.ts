import type { environmentSecrets, signingKeys, stripeAccounts, stripeWebhookSecrets } from "../schemas/tables.ts";
import { importSigningKey, type SigningKeys } from "./token.ts";
import type { Vault } from "./vault.ts";

/** Rows of an environment whose columns are sealed, as they are stored. */
export type SealedRows = {
  environmentId: string;
  signing: (typeof signingKeys.$inferSelect)[];
  accounts: (typeof stripeAccounts.$inferSelect)[];
  webhookSecrets: (typeof stripeWebhookSecrets.$inferSelect)[];
  secrets: (typeof environmentSecrets.$inferSelect)[];
};

/** The same, opened. `stripeWebhookSecrets` has every account, also one without a secret. */
export type OpenedRows = {
  signing: SigningKeys;
  stripeAccounts: Map<string, string>;
  stripeWebhookSecrets: Map<string, string[]>;
  secrets: Map<string, string>;
};

/** Opens an environment's sealed rows. Rejects when the vault's key is another one, or no key is there to sign with. */
export async function openSealedRows(vault: Vault, rows: SealedRows): Promise<OpenedRows> {
  const { environmentId: id, accounts, webhookSecrets, secrets } = rows;
  const [signing, accountKeys, values, signers] = await Promise.all([
    openSigningKeys(vault, id, rows.signing),
    Promise.all(accounts.map((row) => vault.open(row.secretKeySealed, `stripe:${id}:${row.accountId}`))),
    Promise.all(secrets.map((row) => vault.open(row.valueSealed, `secret:${id}:${row.name}`))),
    Promise.all(webhookSecrets.map((row) => vault.open(row.secretSealed, `stripe-webhook:${row.id}`))),
  ]);
  const signersOf = (accountId: string) => signers.filter((_, i) => webhookSecrets[i]?.accountId === accountId);
  return {
    signing,
    stripeAccounts: new Map(accounts.map(({ accountId }, i) => [accountId, accountKeys[i] ?? ""])),
    stripeWebhookSecrets: new Map(accounts.map(({ accountId }) => [accountId, signersOf(accountId)])),
    secrets: new Map(secrets.map(({ name }, i) => [name, values[i] ?? ""])),
  };
}

async function openSigningKeys(vault: Vault, environmentId: string, rows: SealedRows["signing"]): Promise<SigningKeys> {
  const opened = await Promise.all(
    rows.map(async ({ kid, secretSealed, verifyUntil }) =>
      importSigningKey(kid, await vault.open(secretSealed, `signing:${kid}`), verifyUntil),
    ),
  );
  const current = opened[rows.findIndex(({ verifyUntil }) => verifyUntil === null)];
  if (current === undefined) throw new Error(`environment ${environmentId} has no signing key`);
  return { current, byKid: new Map(opened.map((key) => [key.kid, key])) };
}
