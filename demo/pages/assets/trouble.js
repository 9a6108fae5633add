// @ts-check
/** @typedef {import("./engine.js").Exchange} Exchange */

import { awaitsPayment } from "./engine.js";

const fresh = (/** @type {string} */ label) => ({ href: "/demo", label });
const unreadable = { text: "This offer cannot be read.", link: fresh("Choose it again in the story") };

const bought = {
  text: "You have bought this already, and there is nothing more to pay. The story opens when the payment has arrived.",
  link: fresh("Look again"),
};

/** @type {Record<string, { text: string, link?: { href: string, label: string } }>} */
const known = {
  token_malformed: unreadable,
  token_signature_invalid: unreadable,
  token_wrong_environment: unreadable,
  invalid_body: unreadable,
  token_expired: { text: "This offer ran out while you were reading.", link: fresh("Fetch a fresh one") },
  token_identity_mismatch: { text: "This offer was made to somebody else.", link: fresh("Fetch one of your own") },
  offer_unavailable: {
    text: "This offer is not there for you any more, or you have what it sells.",
    link: fresh("Back to the story"),
  },
  already_redeemed: bought,
  invalid_user_jwt: { text: "Your sign-in has run out.", link: { href: "/demo/sign-up", label: "Sign in again" } },
};

/**
 * What to tell a reader whose redemption led nowhere.
 * @param {Exchange} exchange
 * @returns {{ text: string, link?: { href: string, label: string } }}
 */
export function troubleOf(exchange) {
  const { status, body } = exchange;
  if (awaitsPayment(exchange)) return bought;
  if (status === 0) return { text: "We could not reach the subscriptions desk. Check your connection and try again." };
  const code = typeof body?.code === "string" ? body.code : "";
  if (Object.hasOwn(known, code)) return known[code] ?? { text: "" };
  if (status === 503) return { text: "The subscriptions desk is busy. Give it a moment and try again." };
  if (code === "redemption_refused" || code === "limit_reached") return { text: body.message };
  const reference = typeof body?.eventId === "string" ? ` (reference ${body.eventId})` : "";
  return { text: `Something went wrong at our end, and nothing was charged. Try again in a moment${reference}.` };
}

/**
 * The same as an element that assistive technology reads out.
 * @param {Exchange} exchange
 */
export function troubleLine(exchange) {
  const { text, link } = troubleOf(exchange);
  const line = document.createElement("p");
  line.setAttribute("role", "alert");
  line.setAttribute("data-trouble", "");
  line.textContent = text;
  if (link) {
    const anchor = document.createElement("a");
    anchor.href = link.href;
    anchor.textContent = link.label;
    line.append(" ", anchor);
  }
  return line;
}
