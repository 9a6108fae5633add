import { and, eq } from "drizzle-orm";
import { entitlements, members } from "../schemas/sales-tables.ts";
import { randomText, sha256Hex } from "./digest.ts";
import { endOf } from "./duration.ts";
import type { Engine } from "./engine.ts";
import type { Environment } from "./environments.ts";
import { ScripError } from "./error.ts";
import { productOf } from "./explain-entitlements.ts";
import { type Entitlement, noteGrants } from "./fulfilment/grants.ts";
import { remember } from "./fulfilment/history.ts";
import { findOrMakeMember, type Member } from "./fulfilment/members.ts";
import { announce } from "./fulfilment/messages.ts";
import type { Database } from "./storage.ts";

/** Who gets access: somebody by the site's name for them, or a member that there is. */
export type Grantee = { identifier: string } | { memberId: string };

/**
 * A grant that an operator wishes. `product` is a slug or an id; it starts now where `startMs` is null. The same
 * `idempotencyKey` grants once. `by` is the operator.
 */
export type ManualGrant = {
  to: Grantee;
  product: string;
  startMs: number | null;
  end: { atMs: number } | { duration: string } | null;
  reason: string;
  by: string;
  idempotencyKey: string | null;
};

/** The end of ISO 8601's years of four digits. */
const latestMs = Date.parse("9999-12-31T23:59:59.999Z");

/**
 * Grants access by hand, beside whatever is there: the member is found or made, and told of. `changed` is false where the
 * key has granted it before. Throws `product_not_found`, `member_not_found`, or `invalid_body` for an end that is not
 * after the start and for a key that granted something else.
 */
export async function grantByHand(
  engine: Engine,
  environment: Environment,
  wish: ManualGrant,
): Promise<{ entitlement: Entitlement; changed: boolean }> {
  const productId = await productOf(engine, environment, wish.product);
  const nowMs = engine.now();
  const { startedAt, endedAt } = spanOf(wish, nowMs);
  const id = `ent_${randomText(16)}`;
  const cause = `manual:${wish.idempotencyKey === null ? id : await sha256Hex(wish.idempotencyKey)}`;
  const row = { id, environmentId: environment.id, productId, cause, startedAt, endedAt, createdAt: nowMs };
  const granted = await engine.storage.write(async (tx) => {
    const known = await grantedBefore(tx, environment.id, cause);
    if (known !== undefined) return { entitlement: sameGrant(known, wish, productId), changed: false };
    return { entitlement: await insertGrant(tx, environment, wish, row), changed: true };
  });
  if (granted.changed) noteGrants(engine, [granted.entitlement]);
  return granted;
}

type NewRow = Pick<Entitlement, "id" | "environmentId" | "productId" | "cause" | "startedAt" | "endedAt" | "createdAt">;

async function insertGrant(
  tx: Database,
  environment: Environment,
  { to, reason, by }: ManualGrant,
  row: NewRow,
): Promise<Entitlement> {
  const nowMs = row.createdAt;
  const { member, isNew } = await granteeOf(tx, environment.id, to, nowMs);
  const { id: memberId, identifier } = member;
  const [entitlement] = await tx
    .insert(entitlements)
    .values({ ...row, reason, memberId, identifier })
    .returning();
  if (entitlement === undefined) throw new Error(`entitlement ${row.id} was not written`);
  const data = { entitlements: [row.id], productId: row.productId, reason, by };
  await remember(tx, [{ environmentId: environment.id, memberId, type: "grant", subject: row.id, data }], nowMs);
  const about = { purchase: null, memberId, changed: [entitlement], cause: "grant" as const, reason, nowMs };
  await announce(tx, environment, { ...about, newMember: isNew ? member : null });
  return entitlement;
}

async function granteeOf(
  tx: Database,
  environmentId: string,
  to: Grantee,
  nowMs: number,
): Promise<{ member: Member; isNew: boolean }> {
  if ("identifier" in to) return findOrMakeMember(tx, environmentId, to, nowMs);
  const own = and(eq(members.id, to.memberId), eq(members.environmentId, environmentId));
  const [member] = await tx.select().from(members).where(own);
  if (member === undefined) throw new ScripError("member_not_found", `No member ${to.memberId}`);
  return { member, isNew: false };
}

function spanOf({ startMs, end }: ManualGrant, nowMs: number): { startedAt: number; endedAt: number | null } {
  const startedAt = startMs ?? nowMs;
  const endedAt = endFrom(startedAt, end);
  if (endedAt !== null && endedAt <= startedAt) {
    throw wrong("endedAt", "must be after startedAt, which is now where it is left out");
  }
  if (endedAt !== null && endedAt > latestMs) throw wrong("duration", "must end before the year 10000");
  return { startedAt, endedAt };
}

function endFrom(startedAt: number, end: ManualGrant["end"]): number | null {
  if (end === null) return null;
  return "atMs" in end ? end.atMs : endOf(startedAt, end.duration);
}

async function grantedBefore(tx: Database, environmentId: string, cause: string): Promise<Entitlement | undefined> {
  const own = and(eq(entitlements.environmentId, environmentId), eq(entitlements.cause, cause));
  const [row] = await tx.select().from(entitlements).where(own);
  return row;
}

/** What a key has granted, if that is what is wished for now: a start that is left out was another moment then. */
function sameGrant(known: Entitlement, { to, startMs, end, reason }: ManualGrant, productId: string): Entitlement {
  const isSame =
    ("identifier" in to ? known.identifier === to.identifier : known.memberId === to.memberId) &&
    known.productId === productId &&
    known.reason === reason &&
    known.startedAt === (startMs ?? known.createdAt) &&
    known.endedAt === endFrom(known.startedAt, end);
  if (isSame) return known;
  throw wrong("Idempotency-Key", `has granted something else: ${known.id}. Another grant needs another key`);
}

function wrong(path: string, message: string): ScripError {
  return new ScripError("invalid_body", `Invalid body at ${path}: ${message}`, { issues: [{ path, message }] });
}

/** An entitlement that an operator takes back, and why. */
export type ManualRevocation = { entitlementId: string; reason: string; by: string };

/**
 * Takes access back by hand, for good: what a dispute or the end of a subscription has taken back before does not return
 * with them. `changed` is false where an operator or a refund took it back before. Throws `entitlement_not_found`.
 */
export async function revokeByHand(
  engine: Engine,
  environment: Environment,
  { entitlementId, reason, by }: ManualRevocation,
): Promise<{ changed: boolean }> {
  const nowMs = engine.now();
  const own = and(eq(entitlements.id, entitlementId), eq(entitlements.environmentId, environment.id));
  const changed = await engine.storage.write(async (tx) => {
    const [known] = await tx.select().from(entitlements).where(own);
    if (known === undefined) throw new ScripError("entitlement_not_found", `No entitlement ${entitlementId}`);
    if (known.revokedBecause === "operator" || known.revokedBecause === "refund") return false;
    const revoked = { revokedAt: known.revokedAt ?? nowMs, revokedBecause: "operator", revokedReason: reason } as const;
    const after = await tx.update(entitlements).set(revoked).where(own).returning();
    if (known.memberId === null) return true;
    const { memberId, productId } = known;
    const data = { entitlements: [entitlementId], productId, reason, by };
    const event = {
      environmentId: environment.id,
      memberId,
      type: "revocation" as const,
      subject: entitlementId,
      data,
    };
    await remember(tx, [event], nowMs);
    // what was taken back before was told of then
    if (known.revokedAt !== null) return true;
    await announce(tx, environment, { purchase: null, memberId, changed: after, cause: "revocation", reason, nowMs });
    return true;
  });
  engine.webhookBell.ring();
  return { changed };
}
