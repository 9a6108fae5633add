// @ts-check
import { keepExchange } from "./backstage.js";
import { destination, redeem } from "./engine.js";
import { userJwt } from "./reader.js";
import { troubleLine } from "./trouble.js";

/**
 * Redeems the offer that somebody signed up for, and goes on to the payment.
 * @param {Element} desk
 */
export function openCheckout(desk) {
  const word = desk.querySelector("[data-checkout-word]");
  const retry = desk.querySelector("[data-checkout-retry]");
  const attempt = async () => {
    retry?.toggleAttribute("hidden", true);
    word?.replaceChildren("Opening the checkout…");
    const jwt = userJwt();
    if (!jwt) {
      location.replace(`/demo/sign-up${location.search}`);
      return;
    }
    const exchange = await redeem({ userJwt: jwt }, desk.getAttribute("data-offer-token") ?? "");
    keepExchange("redemption", exchange);
    const url = destination(exchange);
    // replaced, so that the way back leads to the form and not here, where it would lead forward again
    if (url) {
      location.replace(url);
      return;
    }
    const trouble = troubleLine(exchange);
    word?.replaceChildren(trouble);
    // where there is another way to go, the same one again is none
    retry?.toggleAttribute("hidden", trouble.querySelector("a") !== null);
  };
  retry?.addEventListener("click", () => void attempt());
  void attempt();
}
