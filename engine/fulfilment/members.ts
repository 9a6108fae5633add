import { and, eq } from "drizzle-orm";
import { members } from "../../schemas/sales-tables.ts";
import { randomText } from "../digest.ts";
import type { Database } from "../storage.ts";

/** Somebody who holds or held something. */
export type Member = typeof members.$inferSelect;

/** Who is to be found or made: somebody that a site knows, or an unknown buyer by the e-mail that Stripe took a payment with. */
export type MemberName = { identifier: string } | { buyerEmail: string };

/**
 * Finds a member or makes one, inside a transaction. A buyer's e-mail finds the member whose address it is known to be,
 * and proves nothing about who sits at the browser: no session of that member comes of it. An identifier that a site
 * vouches for is taken for an address where it is one.
 */
export async function findOrMakeMember(
  tx: Database,
  environmentId: string,
  name: MemberName,
  nowMs: number,
): Promise<{ member: Member; isNew: boolean }> {
  const email = emailIn("identifier" in name ? name.identifier : name.buyerEmail);
  const identifier = "identifier" in name ? name.identifier : (email ?? name.buyerEmail);
  if ("buyerEmail" in name && email !== null) {
    const [found] = await tx
      .select()
      .from(members)
      .where(and(eq(members.environmentId, environmentId), eq(members.email, email)));
    if (found !== undefined) return { member: found, isNew: false };
  }
  const row = { id: `mem_${randomText(16)}`, environmentId, identifier, email, createdAt: nowMs };
  const made = await insert(tx, row);
  if (made !== undefined) return { member: made, isNew: true };
  const own = and(eq(members.environmentId, environmentId), eq(members.identifier, identifier));
  const [known] = await tx.select().from(members).where(own);
  if (known !== undefined) return { member: known, isNew: false };
  // another spelling of the same address is somebody's already: two identifiers of a site are two people
  const nameless = await insert(tx, { ...row, email: null });
  if (nameless === undefined) throw new Error(`member ${identifier} can be neither found nor made`);
  return { member: nameless, isNew: true };
}

async function insert(tx: Database, row: Member): Promise<Member | undefined> {
  const [made] = await tx.insert(members).values(row).onConflictDoNothing().returning();
  return made;
}

/** An address in one spelling, or null for what is none. */
export function emailIn(text: string): string | null {
  const trimmed = text.trim().toLowerCase();
  return /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(trimmed) && trimmed.length <= 254 ? trimmed : null;
}
