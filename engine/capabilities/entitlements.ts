import { and, eq } from "drizzle-orm";
import * as v from "valibot";
import { Duration, Instant } from "../../schemas/config.ts";
import type { Json, JsonObject } from "../../schemas/json.ts";
import { entitlements } from "../../schemas/sales-tables.ts";
import { findProducts } from "../catalogue.ts";
import type { Sale } from "../checkout.ts";
import { newId } from "../digest.ts";
import { endOf } from "../duration.ts";
import { readHoldings } from "../entitlements.ts";
import { type Entitlement, noteGrants } from "../fulfilment/grants.ts";
import { remember } from "../fulfilment/history.ts";
import { findOrMakeMember } from "../fulfilment/members.ts";
import { announce } from "../fulfilment/messages.ts";
import type { Database } from "../storage.ts";
import { assertHeld, type CallContext, type Capability, CapabilityError, parseArguments } from "./call.ts";

const Product = v.pipe(v.string(), v.minLength(1), v.maxLength(200));

/** `entitlements.has`: whether who redeems has access to a product now. Visitors have access to nothing. */
export const hasEntitlement: Capability = async (context, args) => {
  const { product } = parseArguments(v.strictObject({ product: Product }), args, "entitlements.has");
  const productId = await productOf(context, product, "entitlements.has");
  const { engine, environment, identity } = context;
  if (!identity.isAuthenticated) return false;
  const held = await readHoldings(engine.storage, environment.id, identity.identifier, engine.now());
  return held.products.has(productId);
};

const GrantArguments = v.pipe(
  v.strictObject({
    product: Product,
    duration: v.optional(Duration),
    until: v.optional(Instant),
    reason: v.optional(v.pipe(v.string(), v.maxLength(500)), "granted by the workflow"),
  }),
  v.check(({ duration, until }) => duration === undefined || until === undefined, "take duration or until, not both"),
);
type Wish = v.InferOutput<typeof GrantArguments>;

/** The end of ISO 8601's years of four digits. */
const latestMs = Date.parse("9999-12-31T23:59:59.999Z");

/**
 * `entitlements.grant`: gives who redeems access to a product, durable before the workflow learns of it. Once for a redemption
 * and the how-manieth of this product in its run, however often the run is repeated and whatever came of it before.
 */
export const grantEntitlement: Capability = async (context, args) => {
  const { engine, identity, sale, grants } = context;
  const wish = parseArguments(GrantArguments, args, "entitlements.grant");
  if (!identity.isAuthenticated) {
    throw new CapabilityError(
      "entitlements.grant: an anonymous visitor can hold nothing: send them to sign up first, with offer.token",
    );
  }
  const productId =
    knownProduct(context, wish.product) ?? (await productOf(context, wish.product, "entitlements.grant"));
  // counted before anything is waited for: calls that are made at once are told apart by their order
  const number = grants.get(productId) ?? 0;
  grants.set(productId, number + 1);
  const nowMs = engine.now();
  const endedAt = endFrom(wish, nowMs);
  if (sale === null) return shown({ id: "ent_of_a_try", startedAt: nowMs, endedAt }, wish);
  const row = { productId, endedAt, startedAt: nowMs, number };
  const { entitlement, isNew } = await engine.storage.write((tx) => grantOnce(tx, context, { sale, wish, row }));
  if (isNew) noteGrants(engine, [entitlement]);
  return shown(entitlement, wish);
};

type Row = { productId: string; startedAt: number; endedAt: number | null; number: number };
type Granting = { sale: Sale; wish: Wish; row: Row };

async function grantOnce(
  tx: Database,
  context: CallContext,
  { sale, wish, row }: Granting,
): Promise<{ entitlement: Entitlement; isNew: boolean }> {
  const { environment, identity, method } = context;
  const { number, productId, startedAt: nowMs } = row;
  const cause = `workflow:${sale.claim.offeringId}:${number}:${sale.claim.identityKey}`;
  const known = await grantedBefore(tx, { environmentId: environment.id, cause, productId });
  if (known !== undefined) return { entitlement: known, isNew: false };
  await assertHeld(tx, sale.claim);
  const { member, isNew } = await findOrMakeMember(tx, environment.id, { identifier: identity.identifier }, nowMs);
  const [entitlement] = await tx
    .insert(entitlements)
    .values({
      id: newId("ent", nowMs),
      environmentId: environment.id,
      identifier: member.identifier,
      memberId: member.id,
      productId,
      offerId: sale.offerId,
      offeringId: sale.claim.offeringId,
      cause,
      reason: wish.reason,
      startedAt: nowMs,
      endedAt: row.endedAt,
      createdAt: nowMs,
    })
    .returning();
  if (entitlement === undefined) throw new Error("an entitlement was not written");
  const { offerId } = sale;
  const { offeringId } = sale.claim;
  const about = { entitlements: [entitlement.id], productId, reason: wish.reason, by: `workflow ${method}` };
  const data: JsonObject = { ...about, offerId, offeringId };
  const subject = entitlement.id;
  await remember(tx, [{ environmentId: environment.id, memberId: member.id, type: "grant", subject, data }], nowMs);
  const told = { purchase: null, memberId: member.id, changed: [entitlement], cause: "grant" as const };
  await announce(tx, environment, { ...told, reason: wish.reason, nowMs, newMember: isNew ? member : null });
  return { entitlement, isNew: true };
}

async function grantedBefore(
  tx: Database,
  { environmentId, cause, productId }: Pick<Entitlement, "environmentId" | "cause" | "productId">,
): Promise<Entitlement | undefined> {
  const same = and(
    eq(entitlements.environmentId, environmentId),
    eq(entitlements.cause, cause),
    eq(entitlements.productId, productId),
  );
  const [row] = await tx.select().from(entitlements).where(same);
  return row;
}

function endFrom({ duration, until }: Wish, nowMs: number): number | null {
  const endMs = until === undefined ? endOf(nowMs, duration ?? null) : Date.parse(until);
  if (endMs !== null && endMs <= nowMs) throw new CapabilityError("entitlements.grant: until must be in the future");
  if (endMs !== null && endMs > latestMs) {
    throw new CapabilityError("entitlements.grant: it must end before the year 10000");
  }
  return endMs;
}

function knownProduct({ environment }: CallContext, called: string): string | undefined {
  const { productIds } = environment.compiled;
  return productIds.get(called) ?? [...productIds.values()].find((id) => id === called);
}

/** A product that is or was in the configuration; a slug that is misspelt is told. */
async function productOf({ engine, environment }: CallContext, called: string, name: string): Promise<string> {
  const id = (await findProducts(engine.storage, environment, [called])).get(called);
  if (id !== undefined) return id;
  const there = environment.compiled.config.products.map(({ slug }) => slug).slice(0, 20);
  throw new CapabilityError(`${name}: there is no product "${called}", there are: ${there.join(", ")}`);
}

function shown({ id, startedAt, endedAt }: Pick<Entitlement, "id" | "startedAt" | "endedAt">, { product }: Wish): Json {
  return {
    id,
    product,
    startedAt: new Date(startedAt).toISOString(),
    endedAt: endedAt === null ? null : new Date(endedAt).toISOString(),
  };
}
