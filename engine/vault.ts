import { eq } from "drizzle-orm";
import { serverFacts } from "../schemas/tables.ts";
import type { Storage } from "./storage.ts";

/**
 * Seals secrets for storage with AES-256-GCM under a key that only the host has. A sealed text is
 * `v1.<iv>.<ciphertext>` in base64url and is bound to its `context`, so that it cannot be moved to another row.
 */
export type Vault = {
  seal(plaintext: string, context: string): Promise<string>;
  /** Rejects when the key or the context is another one. */
  open(sealed: string, context: string): Promise<string>;
  /** A secret of this host for one purpose (HMAC-SHA-256, in hex): the same every time, and to be foreseen by nobody else. */
  derive(purpose: string): Promise<string>;
};

/** The name of the sealed word, which is its context too. */
export const vaultCheck = "vault-check";

/**
 * Whether the vault's key is the one that this database was begun with. The first server of a database leaves a sealed
 * word in it; a server with another key could read none of the secrets, and must not start.
 */
export async function isVaultOf(vault: Vault, storage: Storage): Promise<boolean> {
  const [known] = await storage.db.select().from(serverFacts).where(eq(serverFacts.name, vaultCheck));
  const { value } = known ?? (await leaveWord(vault, storage));
  return vault.open(value, vaultCheck).then(
    () => true,
    () => false,
  );
}

/** The first word stays, whoever else is about to leave one. */
async function leaveWord(vault: Vault, storage: Storage): Promise<{ value: string }> {
  const fresh = { name: vaultCheck, value: await vault.seal("scrip", vaultCheck) };
  const left = await storage.write(async (tx) => {
    await tx.insert(serverFacts).values(fresh).onConflictDoNothing();
    const [found] = await tx.select().from(serverFacts).where(eq(serverFacts.name, vaultCheck));
    return found;
  });
  return left ?? { value: "" };
}

/** Makes a vault from key material of any length; at least 32 random bytes are expected. */
export async function createVault(keyMaterial: string): Promise<Vault> {
  const digestOf = (text: string) => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const digest = await digestOf(`scrip-vault:${keyMaterial}`);
  const key = await crypto.subtle.importKey("raw", digest, "AES-GCM", false, ["encrypt", "decrypt"]);
  const hmac = { name: "HMAC", hash: "SHA-256" } as const;
  const deriving = await crypto.subtle.importKey("raw", await digestOf(`scrip-derive:${keyMaterial}`), hmac, false, [
    "sign",
  ]);
  return {
    async seal(plaintext, context) {
      const iv = crypto.getRandomValues(new Uint8Array(12));
      const additionalData = new TextEncoder().encode(context);
      const data = new TextEncoder().encode(plaintext);
      const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData }, key, data);
      return `v1.${iv.toBase64({ alphabet: "base64url" })}.${new Uint8Array(sealed).toBase64({ alphabet: "base64url" })}`;
    },
    async open(sealed, context) {
      const [version, iv, data] = sealed.split(".");
      if (version !== "v1" || iv === undefined || data === undefined) throw new Error("not a sealed text");
      const algorithm = {
        name: "AES-GCM",
        iv: Uint8Array.fromBase64(iv, { alphabet: "base64url" }),
        additionalData: new TextEncoder().encode(context),
      };
      const plain = await crypto.subtle.decrypt(algorithm, key, Uint8Array.fromBase64(data, { alphabet: "base64url" }));
      return new TextDecoder().decode(plain);
    },
    async derive(purpose) {
      return new Uint8Array(await crypto.subtle.sign("HMAC", deriving, new TextEncoder().encode(purpose))).toHex();
    },
  };
}
