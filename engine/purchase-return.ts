import { and, eq, gt, isNull, or } from "drizzle-orm";
import Stripe from "stripe";
import type { EntitlementShown } from "../schemas/sales.ts";
import { entitlements, members, purchases, purchaseTokens } from "../schemas/sales-tables.ts";
import { readCatalogue } from "./catalogue.ts";
import { randomText, sha256Hex } from "./digest.ts";
import type { Engine } from "./engine.ts";
import { showEntitlement } from "./entitlements.ts";
import type { Environment } from "./environments.ts";
import { ScripError } from "./error.ts";
import { fulfill } from "./fulfill.ts";
import type { Purchase } from "./fulfilment/settling.ts";
import type { SessionState } from "./fulfilment/truth.ts";
import { type MemberSession, openSession } from "./member-sessions.ts";
import { allowedReturnUrl, withOutcome } from "./return-url.ts";

/**
 * A buyer's browser that comes back: the key of our own return address, or a session that a workflow made. `cancelled` says
 * that it comes by the way out of the checkout, and `to` where that leads if it leads elsewhere.
 */
export type PurchaseReturn =
  | { key: string; sessionId: string | null; cancelled: boolean; to: string | null }
  | { key: null; sessionId: string; to: string };

/**
 * Where a buyer's browser goes on after the checkout. Asks Stripe what became of the session and fulfils it; whatever the
 * address says is not believed. A paid purchase of ours gets a one-time token, for whoever brings both its key and its
 * session within a day. Who leaves the checkout of a limited offer gives the place back. Where Stripe cannot be asked the
 * page is shown all the same, and the webhook completes the purchase. Throws `purchase_not_found` or
 * `return_url_not_allowed`.
 */
export async function returnFromCheckout(
  engine: Engine,
  returned: PurchaseReturn,
  ownOrigins: readonly string[],
): Promise<string> {
  const purchase = await findReturned(engine, returned);
  const environment = purchase === undefined ? undefined : await engine.environments.get(purchase.environmentId);
  if (purchase === undefined || environment === undefined) throw notFound();
  const origins = [...environment.compiled.config.allowedOrigins, ...ownOrigins];
  const elsewhere = returned.key === null || returned.cancelled ? returned.to : null;
  const url = elsewhere === null ? (purchase.returnUrl ?? "") : allowedReturnUrl(elsewhere, origins);
  const { accountId, sessionId } = purchase;
  const leaves = returned.key !== null && returned.cancelled && isLimited(environment, purchase);
  const left = leaves ? closeCheckout(engine, environment, purchase) : Promise.resolve();
  const asked = left.then(() => fulfill(engine, environment, { accountId, sessionId }));
  const fulfilled = await asked.catch((fault: unknown) => {
    engine.onFault(fault, `purchase ${purchase.id} could not be fulfilled at the buyer's return`);
    return null;
  });
  const state = stateOf(fulfilled?.purchase ?? purchase, fulfilled?.state ?? null);
  if (state === "failed") return withOutcome(url, "allegro_purchase_error", "payment_failed");
  if (state === "pending") return withOutcome(url, "allegro_purchase_pending", "1");
  // a session without its key says nothing about who sits at the browser: the site knows that
  if (returned.key === null || returned.sessionId !== sessionId) return url;
  const { completedAt } = fulfilled?.purchase ?? purchase;
  if (completedAt === null || engine.now() - completedAt > returnLifeMs) return url;
  return withOutcome(url, "allegro_purchase_token", await mintToken(engine, purchase));
}

function isLimited({ compiled }: Environment, { status, offerId }: Purchase): boolean {
  const limits = compiled.offers.get(offerId)?.offer.limits;
  return status === "pending" && limits !== undefined && (limits.total !== null || limits.perCustomer !== null);
}

/** Ends a session at Stripe, or else its place would be held for a day. One that has been paid meanwhile stays as it is. */
async function closeCheckout(engine: Engine, environment: Environment, purchase: Purchase): Promise<void> {
  const secretKey = environment.stripeAccounts.get(purchase.accountId);
  if (secretKey === undefined) return;
  try {
    await engine.stripe(secretKey).checkout.sessions.expire(purchase.sessionId);
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeInvalidRequestError)) throw error;
  }
}

/** Completed purchases are known here already; of the others only Stripe's word counts. */
function stateOf({ status, completedAt }: Purchase, state: SessionState | null): "paid" | "pending" | "failed" {
  if (completedAt !== null && status !== "refunded") return "paid";
  if (state === "open" || state === "expired" || state === "failed" || status === "refunded") return "failed";
  return status === "failed" || status === "expired" ? "failed" : "pending";
}

async function findReturned({ storage }: Engine, returned: PurchaseReturn): Promise<Purchase | undefined> {
  if (returned.key === null) {
    const [row] = await storage.db.select().from(purchases).where(eq(purchases.sessionId, returned.sessionId));
    return row;
  }
  const [id = "", secret = ""] = returned.key.split(".");
  const hash = await sha256Hex(secret);
  const [row] = await storage.db
    .select()
    .from(purchases)
    .where(and(eq(purchases.id, id), eq(purchases.returnKeyHash, hash)));
  return row;
}

const tokenLifeMs = 10 * 60_000;

/** A return address stays in the browser's history and in logs: it must not sign anybody in for ever. */
const returnLifeMs = 24 * 3_600_000;

async function mintToken(engine: Engine, { id, environmentId }: Purchase): Promise<string> {
  const token = `ptk_${randomText(40)}`;
  const hash = await sha256Hex(token);
  const expiresAt = engine.now() + tokenLifeMs;
  await engine.storage.writeOne(async (tx) => {
    await tx.insert(purchaseTokens).values({ hash, environmentId, purchaseId: id, expiresAt });
  });
  return token;
}

/** What a token was exchanged for: a session, and what the purchase granted. */
export type Exchanged = MemberSession & { purchaseId: string; entitlements: EntitlementShown[] };

/**
 * Exchanges the token of a buyer's return, once but for whoever sent a nonce with it, for a session of the member, or of a
 * guest where the purchase was begun by somebody unknown: the token proves the purchase and not the mailbox. Throws
 * `purchase_token_invalid`.
 */
export async function exchangeToken(
  engine: Engine,
  environment: Environment,
  { token, nonce }: { token: string; nonce?: string | undefined },
): Promise<Exchanged> {
  const hash = await sha256Hex(token);
  const usedBy = nonce === undefined ? null : await sha256Hex(nonce);
  const nowMs = engine.now();
  const used = await engine.storage.writeOne(async (tx) => {
    const valid = and(
      eq(purchaseTokens.hash, hash),
      eq(purchaseTokens.environmentId, environment.id),
      or(isNull(purchaseTokens.usedAt), usedBy === null ? undefined : eq(purchaseTokens.usedBy, usedBy)),
      gt(purchaseTokens.expiresAt, nowMs),
    );
    return tx.update(purchaseTokens).set({ usedAt: nowMs, usedBy }).where(valid).returning();
  });
  const purchaseId = used[0]?.purchaseId;
  if (purchaseId === undefined) {
    throw new ScripError("purchase_token_invalid", "The purchase token is unknown, used or too old");
  }
  const { db } = engine.storage;
  const [purchase] = await db.select().from(purchases).where(eq(purchases.id, purchaseId));
  const [member] = await db
    .select()
    .from(members)
    .where(eq(members.id, purchase?.memberId ?? ""));
  const identifier = purchase?.guest ?? member?.identifier;
  if (purchase === undefined || identifier === undefined) throw notFound();
  const rows = await db
    .select()
    .from(entitlements)
    .where(and(eq(entitlements.environmentId, environment.id), eq(entitlements.purchaseId, purchaseId)));
  const catalogue = await readCatalogue(
    engine.storage,
    environment,
    rows.map(({ productId }) => productId),
  );
  const shown = rows.map((row) => showEntitlement(row, catalogue, nowMs, nowMs));
  return { ...(await openSession(engine, environment, identifier)), purchaseId, entitlements: shown };
}

function notFound(): ScripError {
  return new ScripError("purchase_not_found", "There is no such purchase");
}
