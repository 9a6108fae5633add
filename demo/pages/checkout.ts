import { html } from "hono/html";
import { type EngineAccess, frame } from "./layout.ts";
import { base, type Html } from "./page.ts";

/** The page between sign-up and payment: its script redeems the token as the user who has just signed up. */
export function checkoutPage({ engine, offerToken }: { engine: EngineAccess; offerToken: string }): Html {
  const main = html`<section class="desk" data-checkout data-offer-token="${offerToken}">
  <p class="kicker">Subscriptions desk</p>
  <h1>On to the payment</h1>
  <p class="desk-lede" data-checkout-word role="status">Opening the checkout…</p>
  <button type="button" data-checkout-retry hidden>Try again</button>
  <p class="desk-small"><a href="${base}">Back to the story</a></p>
  <noscript><p class="fault">The checkout cannot be opened without JavaScript.</p></noscript>
</section>`;
  return frame({ title: "On to the payment · The Daily Scrip", main, engine });
}
