import { createCheckoutMark } from "./checkout-mark.ts";
import type { Client, ClientOptions } from "./client.d.ts";
import { createDeparture } from "./departure.ts";
import { createKeptToken } from "./kept-token.ts";
import { createMember, type SignedIn } from "./member.ts";
import { emit, guarded, guardedLater, parsed, pause, warn } from "./page.ts";
import { createPurchase } from "./purchase.ts";
import { createRedemption } from "./redemption.ts";
import type { Server } from "./server.ts";
import { createSessionStore } from "./session-store.ts";
import { createSurfaces } from "./surface.ts";
import { createVisitor } from "./visitor.ts";

const clients = new Map<string, Client>();

/** Makes the client and starts it. With options that were given before it is the same client. */
export function createClient({ baseUrl, key }: ClientOptions): Client {
  const server = { baseUrl: String(baseUrl).replace(/\/+$/, ""), key: publicKeyIn(key) };
  const id = `${server.baseUrl} ${server.key}`;
  const client = clients.get(id) ?? startClient(server);
  clients.set(id, client);
  return client;
}

function startClient(server: Server): Client {
  const name = `scrip:${/^pk_[^_]+_[^_]+/.exec(server.key ?? "")?.[0].slice("pk_".length) ?? ""}`;
  const member = createMember(server, createSessionStore(name), name);
  const visitor = createVisitor(server, member);
  const departure = createDeparture(() => {
    redemption.release();
    member.wake();
  });
  const redemption = createRedemption(visitor, departure);
  const heard = parsed().then(() => {
    emit("allegro:ready", null);
  });
  const keptToken = createKeptToken(`${name}:exchange`);
  const mark = createCheckoutMark(`${name}:checkout`);
  const purchase = createPurchase({ server, member, visitor, departure, keptToken, mark, heard });
  const { decide, present } = createSurfaces(visitor);
  wakeWhenBack(member);
  const held = heldBack(member);
  const broken = { ok: false, reason: "internal_error", message: "Internal error", action: null } as const;
  const client: Client = {
    push(...callbacks) {
      for (const callback of callbacks) held.run(() => run(callback, client));
    },
    purchase: {
      get validation() {
        return purchase.validation;
      },
      initiate: guardedLater("purchase.initiate", purchase.initiate, undefined),
      exchangeToken: guardedLater("purchase.exchangeToken", purchase.exchangeToken, null),
    },
    member: guardedMember(member),
    decide: guardedLater("decide", decide, null),
    present: guarded("present", present, []),
    redeem: guardedLater("redeem", redemption.redeem, broken),
  };
  return client;
}

const patienceMs = 2_000;

/**
 * What a page asks first is whether a member has a product. One who comes back after the JWT has expired has it again a
 * moment later: callbacks wait for that, in their order, and no longer than two seconds. For anybody else they run at once.
 */
function heldBack({ api, freshJwt }: SignedIn): { run(callback: () => void): void } {
  let waiting: (() => void)[] | null = api.isIdentified() && !api.isAuthenticated() ? [] : null;
  if (waiting !== null) {
    const go = () => {
      const callbacks = waiting ?? [];
      waiting = null;
      for (const callback of callbacks) callback();
    };
    Promise.race([freshJwt(), pause(patienceMs)]).then(go, go);
  }
  return {
    run(callback) {
      if (waiting === null) callback();
      else waiting.push(callback);
    },
  };
}

function guardedMember({ api }: SignedIn): Client["member"] {
  return {
    isAuthenticated: guarded("member.isAuthenticated", api.isAuthenticated, false),
    isIdentified: guarded("member.isIdentified", api.isIdentified, false),
    hasProduct: guarded("member.hasProduct", api.hasProduct, false),
    session: guardedLater("member.session", api.session, null),
    sessionFromJwt: guarded("member.sessionFromJwt", api.sessionFromJwt, null),
    user: guardedLater("member.user", api.user, null),
    setJwt: guarded("member.setJwt", api.setJwt, undefined),
    logout: guardedLater("member.logout", api.logout, undefined),
  };
}

/** A page's own callback that fails is the page's own error: it is reported as one, and stops no other. */
function run(callback: unknown, client: Client): void {
  try {
    if (typeof callback === "function") callback(client);
    else warn("push takes functions");
  } catch (fault) {
    reportError(fault);
  }
}

function wakeWhenBack(member: SignedIn): void {
  member.wake();
  window.addEventListener("online", () => member.wake());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) member.wake();
  });
}

/** A secret key in a page is everybody's: it is not used, so that nobody takes it for the right one. */
function publicKeyIn(key: unknown): string | null {
  if (typeof key === "string" && key.startsWith("pk_")) return key;
  warn(
    typeof key === "string" && key.startsWith("sk_")
      ? "a secret key must not be in a page: revoke it, and use a public key (pk_…)"
      : "the page names no public key: add ?key=pk_… to the script's address",
  );
  return null;
}
