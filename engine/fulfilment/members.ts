import { and, eq, inArray } from "drizzle-orm";
import { members } from "../../schemas/sales-tables.ts";
import { newId } from "../digest.ts";
import type { Database } from "../storage.ts";
import { insertRows } from "./insert-rows.ts";

/** Somebody who holds or held something. */
export type Member = typeof members.$inferSelect;

/** Who is to be found or made: somebody that a site knows, or an unknown buyer by the e-mail that Stripe took a payment with. */
export type MemberName = { identifier: string } | { buyerEmail: string };

/** A member, and whether this transaction made it. */
export type FoundMember = { member: Member; isNew: boolean };

/** Finds one member or makes it: see `findOrMakeMembers`. */
export async function findOrMakeMember(
  tx: Database,
  environmentId: string,
  name: MemberName,
  nowMs: number,
): Promise<FoundMember> {
  const [found] = await findOrMakeMembers(tx, environmentId, [name], nowMs);
  if (found === undefined) throw new Error("a member was neither found nor made");
  return found;
}

/**
 * Finds members or makes them, inside a transaction, in the order of their names. A buyer's e-mail finds the member whose
 * address it is known to be, and proves nothing about who sits at the browser: no session of that member comes of it. An
 * identifier that a site vouches for is taken for an address where it is one.
 */
export async function findOrMakeMembers(
  tx: Database,
  environmentId: string,
  names: readonly MemberName[],
  nowMs: number,
): Promise<FoundMember[]> {
  const wanted = names.map((name) => wantedBy(name));
  const byEmail = await readBy(
    tx,
    environmentId,
    "email",
    wanted.flatMap((one) => (one.isBuyer ? (one.email ?? []) : [])),
  );
  const known = (one: Wanted) => (one.isBuyer && one.email !== null ? byEmail.get(one.email) : undefined);
  const byIdentifier = await makeAll(
    tx,
    environmentId,
    wanted.filter((one) => known(one) === undefined),
    nowMs,
  );
  const seen = new Set<string>();
  return wanted.map((one) => {
    const found = known(one);
    if (found !== undefined) return { member: found, isNew: false };
    const made = byIdentifier.get(one.identifier);
    if (made === undefined) throw new Error(`member ${one.identifier} can be neither found nor made`);
    const isFirst = made.isNew && !seen.has(one.identifier);
    seen.add(one.identifier);
    return { member: made.member, isNew: isFirst };
  });
}

type Wanted = { identifier: string; email: string | null; isBuyer: boolean };

function wantedBy(name: MemberName): Wanted {
  const isBuyer = "buyerEmail" in name;
  const text = isBuyer ? name.buyerEmail : name.identifier;
  const email = emailIn(text);
  return { identifier: isBuyer ? (email ?? text) : text, email, isBuyer };
}

async function makeAll(
  tx: Database,
  environmentId: string,
  wanted: readonly Wanted[],
  nowMs: number,
): Promise<Map<string, FoundMember>> {
  const rows = [...new Map(wanted.map(({ identifier, email }) => [identifier, email]))].map(([identifier, email]) => ({
    id: newId("mem", nowMs),
    environmentId,
    identifier,
    email,
    createdAt: nowMs,
  }));
  const all = new Map<string, FoundMember>();
  const there = await readBy(
    tx,
    environmentId,
    "identifier",
    rows.map(({ identifier }) => identifier),
  );
  for (const [identifier, member] of there) all.set(identifier, { member, isNew: false });
  const missing = rows.filter(({ identifier }) => !there.has(identifier));
  // another spelling of the same address is somebody's already: two identifiers of a site are two people
  const taken = await readBy(
    tx,
    environmentId,
    "email",
    missing.flatMap(({ email }) => email ?? []),
  );
  const made = missing.map((row) => {
    const email = row.email === null || taken.has(row.email) ? null : row.email;
    if (email !== null) taken.set(email, row);
    return { ...row, email };
  });
  await insertRows(tx, members, made);
  for (const member of made) all.set(member.identifier, { member, isNew: true });
  return all;
}

async function readBy(
  tx: Database,
  environmentId: string,
  column: "email" | "identifier",
  values: string[],
): Promise<Map<string, Member>> {
  if (values.length === 0) return new Map();
  const rows = await tx
    .select()
    .from(members)
    .where(and(eq(members.environmentId, environmentId), inArray(members[column], values)));
  return new Map(rows.map((member) => [member[column] ?? "", member]));
}

/** An address in one spelling, or null for what is none. */
export function emailIn(text: string): string | null {
  const trimmed = text.trim().toLowerCase();
  return /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(trimmed) && trimmed.length <= 254 ? trimmed : null;
}
