import { createHash } from "node:crypto";
import type { Hono, Context as HonoContext } from "hono";
import { completeSession } from "../complete-session.ts";
import type { Context } from "../context.ts";
import { applyDue } from "../due.ts";
import type { Records } from "../records.ts";
import { methodFor } from "../session-methods.ts";
import { chargeCard } from "./cards.ts";
import { type Notice, noticePage } from "./notice-page.ts";
import { type Html, type PaymentPage, paymentPage } from "./page.ts";
import { faultsOf, type PaymentForm, readPaymentForm } from "./payment-form.ts";
import { script } from "./script.ts";
import { style } from "./style.ts";
import { summarize } from "./summary.ts";

type SessionRecord = Records["session"];

/** Adds the hosted page of sessions, `/c/pay/:session`: shown on GET, paid on POST. */
export function addHostedPage(app: Hono, context: Context): void {
  app.get("/c/pay/:session", (c) => {
    const session = currentSession(context, c.req.param("session"));
    if (session?.status !== "open") {
      return show(c, noticeFor(context, session), session === undefined ? 404 : 200);
    }
    const { email, name } = session.customer_details ?? {};
    return show(c, pageFor(context, session, { typed: { email: email ?? "", name: name ?? "", method: "card" } }), 200);
  });
  app.post("/c/pay/:session", async (c) => {
    const typed = readPaymentForm(await c.req.parseBody());
    const id = c.req.param("session");
    const session = currentSession(context, id);
    if (session === undefined || session.status === "expired") {
      return show(c, noticeFor(context, session), session === undefined ? 404 : 410);
    }
    const form = summarize(context, session).bankDebit ? typed : { ...typed, method: "card" as const };
    const refused = session.status === "open" ? refusalOf(context, session, form) : null;
    if (refused !== null) {
      return show(c, refused.page, refused.status);
    }
    const method = methodFor(session, form.method);
    completeSession(context, id, { email: form.email, name: form.name || null, method });
    return c.redirect(returnUrl(session), 303);
  });
}

/** A session as it is now: one whose time has come has expired. */
function currentSession(context: Context, id: string): SessionRecord | undefined {
  applyDue(context);
  return context.store.get("session", id);
}

/** A wrong field is 422, a declined card 402 as in the API; null when the buyer pays. */
function refusalOf(
  context: Context,
  session: SessionRecord,
  form: PaymentForm,
): { page: Html; status: 402 | 422 } | null {
  const { asks } = summarize(context, session);
  const faults = faultsOf(form, { asks, nowSeconds: context.nowSeconds() });
  if (Object.keys(faults).length > 0) {
    return { page: pageFor(context, session, { typed: form, faults }), status: 422 };
  }
  const failing = context.store.get("customer", session.customer ?? "")?.failing ?? false;
  const charge = asks && form.method === "card" ? chargeCard(failing ? "4000000000000002" : form.number) : paid;
  return charge.paid
    ? null
    : { page: pageFor(context, session, { typed: form, declined: charge.message }), status: 402 };
}

const paid = { paid: true as const };

function pageFor(
  context: Context,
  session: SessionRecord,
  { typed, faults = {}, declined = null }: Pick<PaymentPage, "typed"> & Partial<PaymentPage>,
): Html {
  return paymentPage({ summary: summarize(context, session), cancelUrl: session.cancel_url, typed, faults, declined });
}

function noticeFor(context: Context, session: SessionRecord | undefined): Html {
  const merchant = context.store.list("account")[0]?.name ?? "the merchant";
  return noticePage(session === undefined ? unknown : notices(session, merchant));
}

const unknown: Notice = {
  icon: "unknown",
  title: "There is no such checkout",
  text: "The link may be cut off. Go back to where you came from and try again.",
  link: null,
};

function notices(session: SessionRecord, merchant: string): Notice {
  if (session.status === "complete") {
    return {
      icon: "done",
      title: "You’re all done here",
      text: "This checkout has been completed. There is nothing left to pay.",
      link: { href: returnUrl(session), label: `Continue to ${merchant}` },
    };
  }
  return {
    icon: "clock",
    title: "This checkout has expired",
    text: "Nothing was charged. Go back and start again if you still want to buy.",
    link: session.cancel_url === null ? null : { href: session.cancel_url, label: `Return to ${merchant}` },
  };
}

/** `success_url` with the template variable filled in (Stripe docs, "Customize redirect behavior"). */
function returnUrl({ success_url, id }: SessionRecord): string {
  return success_url.replaceAll("{CHECKOUT_SESSION_ID}", id);
}

const hash = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** `form-action` has to name the whole chain of redirects after payment, which is the merchant's to choose. */
const policy = [
  "default-src 'none'",
  `style-src ${hash(style)}`,
  `script-src ${hash(script)}`,
  "img-src data:",
  "form-action 'self' http: https:",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

async function show(c: HonoContext, page: Html, status: 200 | 402 | 404 | 410 | 422): Promise<Response> {
  c.header("content-security-policy", policy);
  c.header("cache-control", "no-store");
  c.header("referrer-policy", "no-referrer");
  c.header("x-content-type-options", "nosniff");
  return c.html(await page, status);
}
