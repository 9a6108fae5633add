import type { Member, MemberClaims, MemberSession } from "./client.d.ts";
import { claimsOf, userOf } from "./jwt.ts";
import { emit, isRecord, warn } from "./page.ts";
import { noticeOtherTabs } from "./renew-session.ts";
import { createRenewal } from "./renewal.ts";
import { ask, type Server } from "./server.ts";
import { remainingMs } from "./session.ts";
import type { Session, SessionStore } from "./session-store.ts";

/** The member as the rest of the client knows it. */
export type SignedIn = {
  api: Member;
  /** A JWT that is good, renewed where it has to be; null when nobody is signed in. */
  freshJwt(): Promise<string | null>;
  /** Another JWT than the one that is here; null when there is none to be had. */
  nextJwt(): Promise<string | null>;
  /** Signs in. */
  adopt(session: Session): void;
  /** Looks at the session anew, when the page is loaded, seen again or online again. */
  wake(): void;
};

/** Makes the member of a store's session. `name` is the store's, and that of the lock of all tabs. */
export function createMember(server: Server, store: SessionStore, name: string): SignedIn {
  const renewal = createRenewal(server, store, name);
  const claims = () => claimsOf(store.current()?.jwt ?? "");
  const goodJwt = () => {
    const session = store.current();
    return session !== null && remainingMs(session) > 0 ? session.jwt : null;
  };
  const nextJwt = async () => {
    const before = store.current();
    if (before?.refreshToken) await renewal.renew();
    const jwt = goodJwt();
    return jwt === before?.jwt ? null : jwt;
  };
  const adopt = (session: Session | null) => {
    store.set(session);
    renewal.wake();
  };
  const leave = async (refreshToken: string | null | undefined) => {
    if (refreshToken) await ask(server, "members/logout", { refreshToken });
  };
  window.addEventListener("storage", ({ key }) => {
    if (key === name || key === null) renewal.wake();
  });
  const api: Member = {
    isAuthenticated: () => goodJwt() !== null && claims()?.authenticated !== false,
    isIdentified: () => store.current() !== null,
    hasProduct: (slug) => goodJwt() !== null && claims()?.products?.includes(slug) === true,
    sessionFromJwt: claims,
    async user() {
      const told = claims();
      return told && userOf(told);
    },
    async session() {
      await nextJwt();
      const told = claims();
      return told && goodJwt() !== null ? { data: sessionOf(told) } : null;
    },
    setJwt(jwt) {
      const before = store.current();
      if (before?.jwt === jwt) return;
      const session = sessionOfPage(jwt, before);
      if (session === null) return warn("member.setJwt was given what is no JWT");
      adopt(session);
      emit("allegro:jwt-refreshed", { jwt });
      if (session.refreshToken === null) void leave(before?.refreshToken);
    },
    async logout() {
      const before = store.current();
      adopt(null);
      emit("allegro:logout", null);
      await leave(before?.refreshToken);
    },
  };
  const freshJwt = async () => {
    noticeOtherTabs(store);
    return goodJwt() ?? nextJwt();
  };
  return { api, freshJwt, nextJwt, adopt, wake: renewal.wake };
}

/** The session of a JWT that the page gives. Another JWT of the same member can still be renewed. */
function sessionOfPage(jwt: string, before: Session | null): Session | null {
  const claims = claimsOf(jwt);
  if (claims === null) return null;
  const known = before && claimsOf(before.jwt);
  const isSame = known?.sub === claims.sub && known?.iss === claims.iss;
  // a JWT made in the future: the clock here is at least as far behind
  const aheadMs = (claims.iat ?? 0) * 1000 - Date.now();
  return {
    jwt,
    refreshToken: before !== null && isSame ? before.refreshToken : null,
    skewMs: Math.max(before?.skewMs ?? 0, aheadMs),
  };
}

function sessionOf(claims: MemberClaims): MemberSession {
  const told = isRecord(claims.session) ? claims.session : {};
  const text = (value: unknown) => (typeof value === "string" ? value : null);
  return {
    id: text(told.id ?? claims.sid),
    is_authenticated: claims.authenticated !== false,
    authenticated_at: text(told.authenticated_at),
    audience_member: userOf(claims),
  };
}
