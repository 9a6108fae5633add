import { html } from "hono/html";
import { base, type Html } from "./page.ts";
import { rosette } from "./scrip-note.ts";

/** How a visit to the checkout ended, as the address says it. Good for words, never for access. */
export type Checkout = "success" | "cancelled";

/** Reads `?checkout=`; anything else than the two words is nothing. */
export function checkoutOf(value: string | undefined): Checkout | null {
  return value === "success" || value === "cancelled" ? value : null;
}

/** What a reader is told on coming back from the checkout. */
export function notice(checkout: Checkout): Html {
  const { title, text, link } = notices[checkout];
  return html`<aside class="notice notice-${checkout}" role="status" data-notice="${checkout}">
  <div>
    <h2>${title}</h2>
    <p>${text}</p>
    <p><a href="${link.href}">${link.label}</a></p>
    ${rosette}
  </div>
</aside>`;
}

const notices = {
  success: {
    title: "Thank you. Your payment was received.",
    text: "You have kept your side of the promise. Ours, the story unlocking by itself, is the next chapter: this release of the engine takes you as far as the payment, and the one that opens the page for you is being written.",
    link: { href: base, label: "Back to the story" },
  },
  cancelled: {
    title: "No harm done.",
    text: "You left the checkout, and nothing was charged. The offer is still where you found it.",
    link: { href: "#paywall", label: "See the offer again" },
  },
} as const satisfies Record<Checkout, unknown>;
