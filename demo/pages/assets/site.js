// @ts-check
import { awaitedWord, awaitPayment, forgetArrival, isGated, tellOfPayment, tidyAddress } from "./arrival.js";
import { forgetExchanges, showExchange, showKept } from "./backstage.js";
import { openCheckout } from "./checkout.js";
import { decide } from "./engine.js";
import { placeComponents } from "./experience.js";
import { showHoldings } from "./holdings.js";
import { forget, identity, remember, showReader, userJwt } from "./reader.js";
import { listen } from "./redeem.js";

const story = document.querySelector("[data-gate]");
const desk = document.querySelector("[data-checkout]");

document.querySelector(".reader-sign-out")?.addEventListener("submit", () => {
  forget();
  forgetArrival();
  forgetExchanges();
});
showReader(null);
if (desk) openCheckout(desk);
if (story) void readStory(story);

/**
 * Asks the engine what this story shows. Whatever goes wrong on the way, the story can be read.
 * @param {Element} article
 */
async function readStory(article) {
  showKept("redemption");
  tidyAddress();
  const hasPaid = article.hasAttribute("data-arrival");
  try {
    const first = await askForDecision();
    const decision = hasPaid ? await awaitPayment(first, askForDecision) : first;
    const jwt = userJwt();
    const held = jwt ? showHoldings(jwt, [article.getAttribute("data-product") ?? ""]) : false;
    // somebody who has paid is not asked to pay again
    if (isGated(decision) && (await held)) return tellOfPayment(article);
    if (hasPaid && isGated(decision)) return;
    const roots = placeComponents(decision);
    for (const root of roots) listen(root);
    tell(article, awaitedWord(decision));
    if (roots.length === 0) open(article, decision.customer.hasProducts ? "Included in your subscription." : "");
  } catch (fault) {
    console.warn("The story opens without an offer:", fault);
    open(article, "Our subscriptions desk is not answering just now, so this story is on us.");
  }
}

/** Asks the engine and shows who it says is reading. Rejects when no decision comes. */
async function askForDecision() {
  const exchange = await decide(identity());
  showExchange("decision", exchange);
  if (exchange.body?.status !== "success") throw new Error(`no decision: ${exchange.status}`);
  const decision = exchange.body;
  remember(decision.identity);
  showReader(decision.identity);
  return decision;
}

/**
 * @param {Element} article
 * @param {string} word
 */
function open(article, word) {
  article.setAttribute("data-gate", "open");
  tell(article, word);
}

/**
 * @param {Element} article
 * @param {string} word
 */
function tell(article, word) {
  const line = article.querySelector("[data-gate-word]");
  line?.toggleAttribute("hidden", word === "");
  line?.replaceChildren(word);
}
