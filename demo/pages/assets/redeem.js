// @ts-check
import { showExchange } from "./backstage.js";
import { destination, redeem } from "./engine.js";
import { identity } from "./reader.js";
import { troubleLine } from "./trouble.js";

/** The button that is being redeemed, with what it said before. @type {{ button: Element, label: Node[] } | null} */
let pressed = null;

/**
 * Makes every `[data-redeem]` of an experience redeem its offer.
 * @param {ShadowRoot} root
 */
export function listen(root) {
  root.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-redeem]") : null;
    if (!button) return;
    event.preventDefault();
    if (!pressed) void press(button);
  });
}

/** Back from the checkout by the browser's own button: the page is as it was left, and must not be. */
addEventListener("pageshow", (event) => {
  if (event.persisted) release();
});

/** @param {Element} button */
async function press(button) {
  pressed = { button, label: [...button.childNodes] };
  clearTrouble(button);
  button.setAttribute("aria-busy", "true");
  button.setAttribute("aria-disabled", "true");
  button.replaceChildren("One moment…");
  const exchange = await redeem(identity(), tokenOf(button));
  showExchange("redemption", exchange);
  const url = destination(exchange);
  if (url) {
    location.assign(url);
    return;
  }
  release();
  button.after(troubleLine(exchange));
}

function release() {
  if (!pressed) return;
  const { button, label } = pressed;
  pressed = null;
  button.removeAttribute("aria-busy");
  button.removeAttribute("aria-disabled");
  button.replaceChildren(...label);
}

/** @param {Element} button */
function clearTrouble(button) {
  const root = button.getRootNode();
  if (!(root instanceof ShadowRoot)) return;
  for (const old of root.querySelectorAll("[data-trouble]")) old.remove();
}

/**
 * A button's own token, or that of the offer it stands in.
 * @param {Element} button
 * @returns {string}
 */
function tokenOf(button) {
  const own = button.getAttribute("data-token");
  if (own) return own;
  return JSON.parse(button.closest("[data-offer]")?.getAttribute("data-offer") ?? "{}").token ?? "";
}
