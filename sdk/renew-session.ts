import { emit, pause } from "./page.ts";
import { ask, type Server } from "./server.ts";
import { sessionIn } from "./session.ts";
import type { SessionStore } from "./session-store.ts";

/** How a renewal ended: with a session that is good or nobody's, or not, and then why. */
export type Renewed = { ok: true } | { ok: false; reason: string };

/**
 * Gets the next JWT from the server, unless another tab was faster: `seen` is the JWT that is to be replaced. A session that
 * the server has ended is over here too.
 */
export async function renewSession(server: Server, store: SessionStore, seen: string | undefined): Promise<Renewed> {
  noticeOtherTabs(store);
  const session = store.current();
  if (session?.jwt !== seen || typeof session?.refreshToken !== "string") return { ok: true };
  const { refreshToken } = session;
  const answer = await ask(server, "members/refresh", { refreshToken });
  const next = answer.ok ? sessionIn(answer.body) : null;
  const isEnded = !answer.ok && answer.code === "member_session_ended";
  // where tabs have no lock, another one may have used the same token first, and is about to write what it got
  if (isEnded) await pause(1000);
  noticeOtherTabs(store);
  const current = store.current();
  if (current?.refreshToken !== refreshToken) {
    // signed out while asking: what came must not sign in again, nor stay good
    if (next && !current) await ask(server, "members/logout", { refreshToken: next.refreshToken });
    return { ok: true };
  }
  if (next !== null) {
    store.set(next);
    emit("allegro:jwt-refreshed", { jwt: next.jwt });
    return { ok: true };
  }
  if (!isEnded) return { ok: false, reason: answer.ok ? "network_error" : answer.code };
  store.set(null);
  emit("allegro:jwt-refresh-failed", { reason: "member_session_ended" });
  emit("allegro:logout", null);
  return { ok: true };
}

/** Takes up what other tabs did, and tells the page. */
export function noticeOtherTabs(store: SessionStore): void {
  const before = store.current();
  store.reload();
  const after = store.current();
  if (after === null) {
    if (before !== null) emit("allegro:logout", null);
  } else if (before === null && after.refreshToken !== null) {
    emit("allegro:authenticated", { method: "purchase" });
  } else if (after.jwt !== before?.jwt) emit("allegro:jwt-refreshed", { jwt: after.jwt });
}
