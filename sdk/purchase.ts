import type { CheckoutMark } from "./checkout-mark.ts";
import type { Entitlement, Purchase, PurchaseCompleted } from "./client.d.ts";
import type { Departure } from "./departure.ts";
import { claimsOf } from "./jwt.ts";
import type { KeptToken } from "./kept-token.ts";
import type { SignedIn } from "./member.ts";
import { emit, isRecord, pause, warn } from "./page.ts";
import { takeReturn, withoutReturn } from "./return-address.ts";
import { type Answer, ask, isPassing, type Server } from "./server.ts";
import { sessionIn } from "./session.ts";
import type { Session } from "./session-store.ts";
import type { Visitor } from "./visitor.ts";

/** What purchases need of the rest. `heard` resolves when the page's own scripts listen. */
export type PurchaseParts = {
  server: Server;
  member: SignedIn;
  visitor: Visitor;
  departure: Departure;
  keptToken: KeptToken;
  mark: CheckoutMark;
  heard: Promise<void>;
};

/** Makes purchases, and handles the return that this page load may have begun with. */
export function createPurchase(parts: PurchaseParts): Purchase {
  let validation: Purchase["validation"] = null;
  let starting: Promise<void> | null = null;
  const exchanges = new Map<string, Promise<PurchaseCompleted | null>>();

  async function fail(reason: string): Promise<null> {
    validation = "failed";
    await parts.heard;
    emit("allegro:purchase:failed", { reason });
    return null;
  }

  async function exchange(token: string, isAgain: boolean): Promise<PurchaseCompleted | null> {
    const nonce = parts.keptToken.keep(token);
    const { answer, tries } = await askPatiently(parts.server, { token, nonce });
    const isOpen = !answer.ok && isPassing(answer);
    if (!isOpen) parts.keptToken.forget();
    // of a page load that was cut short nobody knows how far it came: a token that is used says nothing of the purchase
    if (!answer.ok && isAgain && !isOpen) return null;
    // nor does one that an answer was lost of
    if (!answer.ok) return fail(isOpen || tries > 1 ? "exchange_failed" : answer.code);
    const session = sessionIn(answer.body);
    if (session === null) return fail("exchange_failed");
    const isUpgrade = parts.member.api.isAuthenticated();
    signIn(parts, session);
    validation = "completed";
    const completed = completedIn(answer.body);
    await parts.heard;
    if (!isUpgrade) emit("allegro:authenticated", { method: "purchase" });
    emit("allegro:purchase:completed", completed);
    return completed;
  }

  async function exchangeOnce(token: string, isAgain = false): Promise<PurchaseCompleted | null> {
    const underWay = exchanges.get(token) ?? exchange(token, isAgain);
    exchanges.set(token, underWay);
    const completed = await underWay;
    if (completed === null) exchanges.delete(token);
    return completed;
  }

  async function handleReturn(): Promise<void> {
    const { token, error, pending } = takeReturn();
    const kept = parts.keptToken.read();
    if (token !== undefined) await exchangeOnce(token);
    // the reason stands in a link that anybody can write: it is a word and nothing else
    else if (error !== undefined) await fail(/^[a-z_]{1,64}$/.test(error) ? error : "payment_failed");
    else if (pending !== undefined) {
      await parts.heard;
      emit("scrip:purchase:pending", null);
    } else if (kept !== null) await exchangeOnce(kept, true);
  }
  handleReturn().catch((fault: unknown) => warn("the return from the checkout failed", fault));

  return {
    get validation() {
      return validation;
    },
    exchangeToken: (token) => exchangeOnce(String(token)),
    initiate(planId, returnUrl) {
      if (parts.departure.isUnderWay()) return Promise.resolve();
      starting ??= start(parts, planId, returnUrl).finally(() => {
        starting = null;
      });
      return starting;
    },
  };
}

/** Signs the buyer in, unless somebody else is here who did not leave for a checkout: a link signs nobody out. */
function signIn({ member, mark }: PurchaseParts, session: Session): void {
  const sub = claimsOf(session.jwt)?.sub;
  const isHere = sub !== undefined && sub === member.api.sessionFromJwt()?.sub;
  if (mark.take() || isHere || !member.api.isIdentified()) member.adopt(session);
  else warn("a purchase that was not begun in this browser leaves its member signed in");
}

async function start({ visitor, departure, mark }: PurchaseParts, planId: string, returnUrl?: string): Promise<void> {
  const visits = departure.visits();
  const answer = await visitor.ask("purchases", { planId, returnUrl: absolute(returnUrl) });
  // whoever left meanwhile is not sent to a checkout on coming back, nor told of a request that leaving cut off
  if (visits !== departure.visits()) return;
  const { url } = answer.body;
  if (answer.ok && typeof url === "string") {
    mark.set();
    if (departure.go(url)) return;
  }
  const { reason, message } = answer.ok
    ? { reason: "checkout_unreachable", message: "" }
    : { reason: answer.code, message: answer.message };
  // of a missing key the developer was told when the client was made
  if (reason !== "missing_key") warn(`the purchase of ${planId} did not begin: ${reason}`, message);
  emit("allegro:purchase:failed", { reason });
}

/** A page's address as the server wants it. What is none is left for the server to refuse. */
function absolute(returnUrl = withoutReturn(location.href)): string {
  try {
    return new URL(returnUrl, location.href).href;
  } catch {
    return returnUrl;
  }
}

const waitsMs = [1_000, 3_000, 6_000];
/** A buyer who has paid waits for what the server asks for, within reason. */
const longestWaitMs = 60_000;

async function askPatiently(
  server: Server,
  request: { token: string; nonce: string },
): Promise<{ answer: Answer; tries: number }> {
  let answer = await ask(server, "purchases/exchange", request);
  let tries = 1;
  for (const ms of waitsMs) {
    if (answer.ok || !isPassing(answer)) break;
    await pause(Math.min(Math.max(ms, answer.retryAfterMs), longestWaitMs));
    answer = await ask(server, "purchases/exchange", request);
    tries++;
  }
  return { answer, tries };
}

function completedIn({ entitlement, entitlements }: Record<string, unknown>): PurchaseCompleted {
  return {
    method: "purchase",
    entitlement: isEntitlement(entitlement) ? entitlement : null,
    entitlements: Array.isArray(entitlements) ? entitlements.filter(isEntitlement) : [],
  };
}

function isEntitlement(value: unknown): value is Entitlement {
  return isRecord(value) && typeof value.id === "string" && isRecord(value.resource);
}
