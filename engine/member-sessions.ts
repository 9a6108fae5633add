import { and, eq, gt, inArray, isNull, lte, sql } from "drizzle-orm";
import type { MemberJwtClaims } from "../schemas/member-jwt.ts";
import { memberSessions } from "../schemas/sales-tables.ts";
import { readCatalogue } from "./catalogue.ts";
import { randomText, sha256Hex } from "./digest.ts";
import type { Engine } from "./engine.ts";
import { isActiveAt, readEntitlements } from "./entitlements.ts";
import type { Environment } from "./environments.ts";
import { ScripError } from "./error.ts";
import { signMemberJwt } from "./member-jwt.ts";

/** A session as a client holds it: a member JWT, until when it is good (ISO 8601), and what gets the next one. */
export type MemberSession = { jwt: string; expiresAt: string; refreshToken: string };

/** A session that nobody used for as long has ended. */
export const sessionIdleMs = 30 * 86_400_000;

/** A session has ended by then, however much it is used. */
export const sessionLifeMs = 180 * 86_400_000;

/**
 * Opens a session for a member or guest, whoever has been proved to be it. Call it outside of `storage.write`: it writes
 * by itself.
 */
export async function openSession(
  engine: Engine,
  environment: Environment,
  identifier: string,
): Promise<MemberSession> {
  const refreshToken = `refresh_${randomText(40)}`;
  const createdAt = engine.now();
  const session = {
    id: `ses_${randomText(20)}`,
    environmentId: environment.id,
    identifier,
    createdAt,
    expiresAt: createdAt + sessionIdleMs,
  };
  const refreshHash = await sha256Hex(refreshToken);
  await engine.storage.writeOne((tx) => tx.insert(memberSessions).values({ ...session, refreshHash }));
  return { ...(await jwtFor(engine, environment, session)), refreshToken };
}

/**
 * Gets the next member JWT of a session, with what is active now, and puts off the session's end. The refresh token stays
 * the same, so that two tabs may do this at once and an answer that is lost signs nobody out. Throws
 * `member_session_ended` for a session that was ended, is over or never was one of this environment.
 */
export async function refreshSession(
  engine: Engine,
  environment: Environment,
  refreshToken: string,
): Promise<MemberSession> {
  const refreshHash = await sha256Hex(refreshToken);
  const nowMs = engine.now();
  const expiresAt = sql`min(${nowMs + sessionIdleMs}, ${memberSessions.createdAt} + ${sessionLifeMs})`;
  const open = and(ofToken(environment, refreshHash), isOpen(nowMs));
  const [session] = await engine.storage.writeOne((tx) =>
    tx.update(memberSessions).set({ expiresAt }).where(open).returning(),
  );
  if (session === undefined) throw new ScripError("member_session_ended", "The session has ended: sign in again");
  return { ...(await jwtFor(engine, environment, session)), refreshToken };
}

/** Ends a session, its member JWTs with it. One that has ended already, or never was, is left as it is. */
export async function endSession(engine: Engine, environment: Environment, refreshToken: string): Promise<void> {
  const refreshHash = await sha256Hex(refreshToken);
  const revokedAt = engine.now();
  await engine.storage.writeOne(async (tx) => {
    const own = and(ofToken(environment, refreshHash), isNull(memberSessions.revokedAt));
    await tx.update(memberSessions).set({ revokedAt }).where(own);
  });
}

/** Whether the session of a verified member JWT goes on. Asks the database, because another process may have ended it. */
export async function isSessionOpen(engine: Engine, { sid, aud, sub }: MemberJwtClaims): Promise<boolean> {
  const { id, environmentId, identifier } = memberSessions;
  const own = and(eq(id, sid), eq(environmentId, aud), eq(identifier, sub));
  const rows = engine.storage.db.select({ id }).from(memberSessions);
  return (await rows.where(and(own, isOpen(engine.now())))).length > 0;
}

const pruneSize = 1000;

/** Deletes the sessions whose life is over, and says how many. Each transaction is a short one. */
export async function pruneSessions(engine: Engine): Promise<number> {
  const { id, expiresAt } = memberSessions;
  const nowMs = engine.now();
  for (let pruned = 0; ; ) {
    const gone = await engine.storage.writeOne(async (tx) => {
      const over = tx.select({ id }).from(memberSessions).where(lte(expiresAt, nowMs)).limit(pruneSize);
      return tx.delete(memberSessions).where(inArray(id, over)).returning({ id });
    });
    pruned += gone.length;
    if (gone.length < pruneSize) return pruned;
  }
}

type OpenSession = Pick<typeof memberSessions.$inferSelect, "id" | "identifier" | "expiresAt">;

/** So soon after something that was bought ran out its renewal may be on its way. */
const renewalMs = 3_600_000;

/** So long a JWT is good that may lack what is being renewed. */
const unsureMs = 60_000;

/**
 * The JWT ends with the first of what it lists, so that it never says what is no longer true; and soon where something has
 * just run out, because Stripe tells of a renewal after the period before has ended.
 */
async function jwtFor(engine: Engine, environment: Environment, session: OpenSession) {
  const rows = await readEntitlements(engine.storage, environment.id, session.identifier);
  const nowMs = engine.now();
  // what ends within this second cannot be listed: a JWT counts whole seconds, and would be over before it is sent
  const secondMs = (Math.floor(nowMs / 1000) + 1) * 1000;
  const listed = rows.filter(
    (row) => isActiveAt(row, nowMs, nowMs) && (row.endedAt === null || row.endedAt >= secondMs),
  );
  const catalogue = await readCatalogue(
    engine.storage,
    environment,
    listed.map(({ productId }) => productId),
  );
  const isRenewing = rows.some(
    (row) =>
      row.purchaseId !== null &&
      row.revokedAt === null &&
      row.endedAt !== null &&
      row.endedAt < secondMs &&
      row.endedAt > nowMs - renewalMs &&
      !listed.some(({ productId }) => productId === row.productId),
  );
  const slugs = new Set(listed.map(({ productId }) => catalogue(productId).slug));
  const { jwt, expiresAtMs } = await signMemberJwt(engine, {
    environmentId: environment.id,
    identifier: session.identifier,
    sessionId: session.id,
    products: [...slugs].toSorted(),
    notAfterMs: Math.min(
      session.expiresAt,
      isRenewing ? secondMs + unsureMs : session.expiresAt,
      ...listed.flatMap(({ endedAt }) => endedAt ?? []),
    ),
  });
  return { jwt, expiresAt: new Date(expiresAtMs).toISOString() };
}

function ofToken(environment: Environment, refreshHash: string) {
  return and(eq(memberSessions.environmentId, environment.id), eq(memberSessions.refreshHash, refreshHash));
}

function isOpen(nowMs: number) {
  return and(isNull(memberSessions.revokedAt), gt(memberSessions.expiresAt, nowMs));
}
