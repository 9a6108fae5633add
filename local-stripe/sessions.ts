import type { Context } from "./context.ts";
import { invalid, noSuch } from "./errors.ts";
import type { Records } from "./records.ts";

type SessionRecord = Records["session"];

/** A session as it is now: an open one whose time has come is expired. */
export function currentSession(context: Context, id: string): SessionRecord | undefined {
  const session = context.store.get("session", id);
  return session && settled(context, session);
}

/** All sessions as they are now, newest first. */
export function currentSessions(context: Context): SessionRecord[] {
  return context.store.list("session").map((session) => settled(context, session));
}

/** The session with this id, or the 404 Stripe gives. */
export function sessionOf(context: Context, id: string): SessionRecord {
  const session = currentSession(context, id);
  if (session === undefined) {
    throw noSuch("checkout.session", id, "session", 404);
  }
  return session;
}

/** Ends an open session (Stripe API reference, "Expire a Checkout Session"); throws a `StripeRefusal` for any other. */
export function expireSession(context: Context, id: string): SessionRecord {
  const session = sessionOf(context, id);
  if (session.status !== "open") {
    throw invalid(
      `Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of \`${session.status}\`.`,
      { param: "session" },
    );
  }
  return expired(context, session);
}

function settled(context: Context, session: SessionRecord): SessionRecord {
  const due = session.status === "open" && context.nowSeconds() >= session.expires_at;
  return due ? expired(context, session) : session;
}

/** The one place where a session becomes expired. */
function expired(context: Context, session: SessionRecord): SessionRecord {
  const ended: SessionRecord = { ...session, status: "expired" };
  context.store.put("session", ended);
  return ended;
}
