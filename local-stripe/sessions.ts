import { sessionAnswer } from "./answers/session.ts";
import type { Context } from "./context.ts";
import { invalid, noSuch } from "./errors.ts";
import { emit } from "./events.ts";
import type { Records } from "./records.ts";

type SessionRecord = Records["session"];

/** The session with this id, or the 404 Stripe gives. */
export function sessionOf(context: Context, id: string): SessionRecord {
  const session = context.store.get("session", id);
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
  return expireDueSession(context, session);
}

/** The one place where a session becomes expired: when somebody asks for it, or when its time has come. */
export function expireDueSession(context: Context, session: SessionRecord): SessionRecord {
  const expired: SessionRecord = { ...session, status: "expired" };
  context.store.put("session", expired);
  emit(context, "checkout.session.expired", sessionAnswer(context, expired));
  return expired;
}
