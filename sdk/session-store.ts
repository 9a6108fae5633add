import { isRecord, warn } from "./page.ts";

/** Who is signed in: the JWT, what gets the next one, and how far the server's clock is ahead of this one. */
export type Session = { jwt: string; refreshToken: string | null; skewMs: number };

/** The session of this browser: in local storage, so that all tabs have the same; in memory where there is none. */
export type SessionStore = {
  current(): Session | null;
  set(session: Session | null): void;
  /** Takes up what other tabs wrote. */
  reload(): void;
};

/** Opens the store of a name. */
export function createSessionStore(name: string): SessionStore {
  let session: Session | null = null;
  // a storage that takes nothing must not speak for what it did not take
  let isShared = true;
  const attempt = (act: () => void): boolean => {
    try {
      act();
      return true;
    } catch (fault) {
      isShared = false;
      warn("the session is kept for this page only", fault);
      return false;
    }
  };
  const store: SessionStore = {
    current: () => session,
    set(next) {
      session = next;
      if (next !== null && isShared && attempt(() => localStorage.setItem(name, JSON.stringify(next)))) return;
      // what stands there is over, or the next page would take it for who is signed in
      attempt(() => localStorage.removeItem(name));
    },
    reload() {
      if (isShared)
        attempt(() => {
          session = parse(localStorage.getItem(name));
        });
    },
  };
  store.reload();
  return store;
}

function parse(text: string | null): Session | null {
  try {
    const value: unknown = JSON.parse(text ?? "null");
    if (!isRecord(value) || typeof value.jwt !== "string") return null;
    const { jwt, refreshToken, skewMs } = value;
    return {
      jwt,
      refreshToken: typeof refreshToken === "string" ? refreshToken : null,
      skewMs: typeof skewMs === "number" ? skewMs : 0,
    };
  } catch {
    return null;
  }
}
