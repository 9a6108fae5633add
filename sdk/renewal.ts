import { emit, guardedLater } from "./page.ts";
import { noticeOtherTabs, renewSession } from "./renew-session.ts";
import type { Server } from "./server.ts";
import { marginMs, remainingMs } from "./session.ts";
import type { SessionStore } from "./session-store.ts";

/** Keeps the session's JWT fresh: one renewal for all tabs, shortly before it expires. */
export type Renewal = {
  /** Gets the next JWT now, whatever the age of this one. Never rejects. */
  renew(): Promise<void>;
  /** Looks at the session anew: after it was set, and when the page is seen again. */
  wake(): void;
};

const shortestWaitMs = 5_000;
const longestRetryMs = 300_000;
/** What `setTimeout` can count. */
const longestWaitMs = 2 ** 31 - 1;

/** Makes the renewal of a store's session. `name` is what the tabs' lock is called. */
export function createRenewal(server: Server, store: SessionStore, name: string): Renewal {
  let underWay: Promise<void> | null = null;
  let timer: ReturnType<typeof setTimeout>;
  let failures = 0;

  const renewOnce = guardedLater(
    "renewing the session",
    async (seen: string | undefined) => {
      const renewed = await renewSession(server, store, seen);
      // told once, however often it is tried
      if (!renewed.ok && failures === 0) emit("allegro:jwt-refresh-failed", { reason: renewed.reason });
      failures = renewed.ok ? 0 : failures + 1;
    },
    undefined,
  );

  function renew(): Promise<void> {
    const seen = store.current()?.jwt;
    underWay ??= exclusively(name, () => renewOnce(seen)).finally(() => {
      underWay = null;
      schedule();
    });
    return underWay;
  }

  function schedule(): void {
    clearTimeout(timer);
    const session = store.current();
    if (session === null) return;
    const leftMs = remainingMs(session);
    const dueMs = session.refreshToken === null ? leftMs : Math.max(leftMs - marginMs(session), shortestWaitMs);
    const waitMs = failures > 0 ? Math.min(shortestWaitMs * 2 ** failures, longestRetryMs) : dueMs;
    // a JWT that the page gave and that has expired: there is nothing to wait for
    if (waitMs > 0) timer = setTimeout(lookAgain, Math.min(waitMs, longestWaitMs));
  }

  function lookAgain(): void {
    const session = store.current();
    if (session === null) return;
    const leftMs = remainingMs(session);
    if (session.refreshToken === null) {
      if (leftMs > 0) schedule();
      else emit("allegro:jwt-refresh-failed", { reason: "jwt_expired" });
    } else if (leftMs > marginMs(session)) schedule();
    // a page that nobody sees renews when it is seen again
    else if (!document.hidden) void renew();
  }

  function wake(): void {
    noticeOtherTabs(store);
    const session = store.current();
    if (session?.refreshToken && remainingMs(session) <= marginMs(session)) void renew();
    else schedule();
  }

  return { renew, wake };
}

/** Runs while no other tab runs under the same name. Without locks, or with a tab that keeps one, it runs all the same. */
async function exclusively(name: string, run: () => Promise<void>): Promise<void> {
  let isBegun = false;
  const begin = () => {
    isBegun = true;
    return run();
  };
  // locks are not in pages without TLS, nor in sandboxed frames
  await navigator.locks?.request(name, { signal: AbortSignal.timeout(30_000) }, begin).catch(() => undefined);
  if (!isBegun) await run();
}
