import { and, desc, eq } from "drizzle-orm";
import { memberEvents, members } from "../schemas/sales-tables.ts";
import type { Engine } from "./engine.ts";
import { ScripError } from "./error.ts";
import { emailIn, type Member } from "./fulfilment/members.ts";
import { numberOf, olderThan, type Page, type PageWanted, pageOf } from "./page.ts";

/** Which members: at most one has the identifier, and at most one the e-mail in any spelling. */
export type MembersFilter = { identifier?: string | undefined; email?: string | undefined };

/** An event of a member's history as it is stored. */
export type MemberEvent = typeof memberEvents.$inferSelect;

/** The members of an environment, newest first. */
export async function listMembers(
  { storage }: Engine,
  environmentId: string,
  { identifier, email }: MembersFilter,
  { cursor, limit }: PageWanted,
): Promise<Page<Member>> {
  const row = numberOf(members);
  const where = and(
    eq(members.environmentId, environmentId),
    identifier === undefined ? undefined : eq(members.identifier, identifier),
    email === undefined ? undefined : eq(members.email, emailIn(email) ?? ""),
    olderThan(members.createdAt, row, cursor),
  );
  const found = storage.db.select({ row, item: members }).from(members).where(where);
  return pageOf(await found.orderBy(desc(members.createdAt), desc(row)).limit(limit + 1), limit);
}

/** One member. Throws `member_not_found`. */
export async function findMember({ storage }: Engine, environmentId: string, memberId: string): Promise<Member> {
  const own = and(eq(members.id, memberId), eq(members.environmentId, environmentId));
  const [member] = await storage.db.select().from(members).where(own);
  if (member === undefined) throw new ScripError("member_not_found", `No member ${memberId}`);
  return member;
}

/** What happened to a member, newest first. Throws `member_not_found`. */
export async function readHistory(
  engine: Engine,
  environmentId: string,
  memberId: string,
  { cursor, limit }: PageWanted,
): Promise<Page<MemberEvent>> {
  await findMember(engine, environmentId, memberId);
  const row = numberOf(memberEvents);
  const where = and(
    eq(memberEvents.environmentId, environmentId),
    eq(memberEvents.memberId, memberId),
    olderThan(memberEvents.createdAt, row, cursor),
  );
  const found = engine.storage.db.select({ row, item: memberEvents }).from(memberEvents).where(where);
  return pageOf(await found.orderBy(desc(memberEvents.createdAt), desc(row)).limit(limit + 1), limit);
}
