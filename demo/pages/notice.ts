import { html } from "hono/html";
import { base, type Html } from "./page.ts";
import { rosette } from "./scrip-note.ts";

/** How a visit to the checkout ended, as the address says it. Good for words, never for access. */
export type Checkout = "success" | "pending" | "cancelled";

/**
 * Reads the site's own `checkout` and what the engine's return adds to it: the payment failed, or settles later.
 * Anything else is nothing.
 */
export function checkoutOf(query: Partial<Record<string, string>>): Checkout | null {
  const { checkout, allegro_purchase_error: error, allegro_purchase_pending: pending } = query;
  if (error !== undefined || checkout === "cancelled") return "cancelled";
  if (pending !== undefined) return "pending";
  return checkout === "success" ? "success" : null;
}

/** Whether somebody says that they have paid. */
export function isArrival(checkout: Checkout | null): boolean {
  return checkout === "success" || checkout === "pending";
}

/**
 * What a reader is told of a payment. All words are here and those that the address justifies are shown, none on any other
 * visit; the script shows the others when it has asked the engine.
 */
export function arrivalNotice(checkout: Checkout | null): Html {
  const arrived = isArrival(checkout);
  const first = checkout === "pending" ? "waiting" : "asking";
  const states = Object.entries(arrival).map(
    ([state, said]) =>
      html`<div data-notice-state="${state}" ${arrived && state === first ? "" : "hidden"}>${words(said)}</div>`,
  );
  return html`<aside class="notice" role="status" data-notice="arrival" data-state="${arrived ? first : ""}" ${arrived ? "" : "hidden"}>
  <div>
    ${states}
    ${rosette}
  </div>
</aside>`;
}

type Words = { title: string; text: string; link?: { href: string; label: string } };

function words({ title, text, link }: Words): Html {
  return html`<h2>${title}</h2>
    <p>${text}</p>
    ${link === undefined ? "" : html`<p><a href="${link.href}">${link.label}</a></p>`}`;
}

/** What a reader is told on leaving the checkout. */
export const cancelledNotice = html`<aside class="notice" role="status" data-notice="cancelled">
  <div>
    ${words({
      title: "No harm done.",
      text: "You left the checkout, and nothing was charged. The offer is still where you found it.",
      link: { href: "#paywall", label: "See the offer again" },
    })}
    ${rosette}
  </div>
</aside>`;

const arrival = {
  asking: {
    title: "Thank you.",
    text: "Your subscription is being entered in the book. That takes a moment, and then the story is yours.",
  },
  open: {
    title: "Thank you. The story is yours.",
    text: "Your payment was received. From now on the story opens by itself: here, in other tabs, and wherever you sign in with the same address.",
    link: { href: "#story", label: "Read on" },
  },
  waiting: {
    title: "Thank you. We are waiting for your payment.",
    text: "It has not been confirmed yet. We keep asking for a moment, and the story opens by itself as soon as it is.",
  },
  awaited: {
    title: "Your payment is on its way.",
    text: "A bank debit takes a few days to arrive. There is nothing more to do, and nothing to buy again: when it is here the story opens by itself, in this browser and wherever you sign in.",
    link: { href: base, label: "Look again" },
  },
  late: {
    title: "We have not heard of your payment yet.",
    text: "Some payments, such as bank debits, take a few days. If yours is one of them there is nothing more to do: when it has arrived the story opens by itself, here and wherever you sign in.",
    link: { href: base, label: "Look again" },
  },
} as const satisfies Record<string, Words>;
