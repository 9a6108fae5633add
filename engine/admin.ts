import { and, eq, isNull, ne } from "drizzle-orm";
import { adminTokens } from "../schemas/tables.ts";
import { randomText, sha256Hex } from "./digest.ts";
import type { Engine } from "./engine.ts";
import { ScripError } from "./error.ts";

/** What an admin token may do: read; read and try; everything. */
export const adminRoles = ["viewer", "editor", "publisher"] as const;
export type AdminRole = (typeof adminRoles)[number];

/** An operator, as far as the token tells. */
export type Admin = { label: string; role: AdminRole };

/** The text of a new admin token. */
export function newAdminToken(): string {
  return `adm_${randomText(40)}`;
}

/** Makes a token known; again and again does no harm. */
export async function ensureAdminToken(engine: Engine, token: string, { label, role }: Admin): Promise<void> {
  const hash = await sha256Hex(token);
  const row = { hash, label, role, createdAt: engine.now() };
  await engine.storage.write(async (tx) => {
    await tx.insert(adminTokens).values(row).onConflictDoNothing();
  });
}

/** Makes a token the only one of its label: the one that it replaces ends at once. Writes nothing where it is so already. */
export async function replaceAdminToken(engine: Engine, token: string, admin: Admin): Promise<void> {
  const hash = await sha256Hex(token);
  const named = and(eq(adminTokens.label, admin.label), isNull(adminTokens.revokedAt));
  const valid = await engine.storage.db.select().from(adminTokens).where(named);
  if (valid.length === 1 && valid[0]?.hash === hash) return;
  await ensureAdminToken(engine, token, admin);
  const others = and(eq(adminTokens.label, admin.label), ne(adminTokens.hash, hash), isNull(adminTokens.revokedAt));
  await engine.storage.write(async (tx) => {
    await tx.update(adminTokens).set({ revokedAt: engine.now() }).where(others);
    await tx.update(adminTokens).set({ revokedAt: null }).where(eq(adminTokens.hash, hash));
  });
}

/** Finds the operator of a token and asks for a role. Throws `invalid_admin_token` or `role_not_allowed`. */
export async function authenticateAdmin(engine: Engine, token: string, needed: AdminRole): Promise<Admin> {
  const hash = await sha256Hex(token);
  const [row] = await engine.storage.db.select().from(adminTokens).where(eq(adminTokens.hash, hash));
  if (row === undefined || row.revokedAt !== null) {
    throw new ScripError("invalid_admin_token", "Invalid admin token");
  }
  if (adminRoles.indexOf(row.role) < adminRoles.indexOf(needed)) {
    throw new ScripError("role_not_allowed", `This needs the role ${needed}; the token's role is ${row.role}`);
  }
  return { label: row.label, role: row.role };
}
