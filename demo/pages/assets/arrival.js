// @ts-check
/**
 * Coming back from the checkout. The address says how it went, which is good for words alone: what the reader may read
 * is what the engine says.
 */

const pausesMs = [1000, 2000, 4000, 8000];
const awaitedKey = "daily-scrip:awaited";
const parameters = ["checkout", "allegro_purchase_token", "allegro_purchase_error", "allegro_purchase_pending"];

/** Takes what the checkout added out of the address: a reload, a bookmark or a shared link is a visit like any other. */
export function tidyAddress() {
  const url = new URL(location.href);
  const added = parameters.filter((name) => url.searchParams.has(name));
  for (const name of added) url.searchParams.delete(name);
  if (added.length > 0) history.replaceState(history.state, "", url);
}

/**
 * For a reader who says that they have paid: asks again, with growing pauses, until the engine has heard of it, and says
 * how that goes. Gives the last decision.
 * @param {any} decision
 * @param {() => Promise<any>} askAgain rejects when no decision came
 */
export async function awaitPayment(decision, askAgain) {
  let latest = decision;
  for (const pauseMs of pausesMs) {
    if (!isGated(latest)) break;
    say("waiting");
    localStorage.setItem(awaitedKey, latest.identity.identifier);
    await new Promise((done) => setTimeout(done, pauseMs));
    latest = await askAgain().catch(() => latest);
  }
  if (isGated(latest)) say("late");
  else say(latest.customer.hasProducts ? "open" : "asking");
  return latest;
}

/**
 * On any visit: what to buy gives way to the word that a payment is on its way, as the engine knows it.
 * @param {Element} article
 */
export function tellOfPayment(article) {
  // what this browser remembers is for while the engine has not heard
  forgetArrival();
  article.setAttribute("data-arrival", "");
  document.querySelector("[data-notice=cancelled]")?.remove();
  say("awaited");
}

/**
 * Whether there is anything to be bought before the story is open.
 * @param {any} decision
 * @returns {boolean}
 */
export function isGated(decision) {
  return decision.offers.length > 0;
}

/**
 * What to say beside the offer to a reader who came back from paying, on an earlier visit, and whose payment has not been
 * heard of since; nothing to anybody else.
 * @param {any} decision
 */
export function awaitedWord(decision) {
  const isAwaited = localStorage.getItem(awaitedKey) === decision.identity.identifier;
  if (isAwaited && isGated(decision)) {
    return "We are still waiting for your last payment. A bank debit may take a few days, and then the story opens by itself: subscribe again only if it was declined.";
  }
  if (isAwaited) forgetArrival();
  return "";
}

/** Forgets that a payment is waited for. */
export function forgetArrival() {
  localStorage.removeItem(awaitedKey);
}

/** @param {"asking" | "waiting" | "awaited" | "late" | "open"} state */
function say(state) {
  for (const words of document.querySelectorAll("[data-notice-state]")) {
    words.toggleAttribute("hidden", words.getAttribute("data-notice-state") !== state);
  }
  const notice = document.querySelector("[data-notice=arrival]");
  notice?.setAttribute("data-state", state);
  notice?.removeAttribute("hidden");
}
