// @ts-check
/** Who is reading: a user by the JWT that the site gave, or a visitor by the identifier that the engine minted. */

const cookie = "daily_scrip_reader";
const visitorKey = "daily-scrip:visitor";

/** The engine did not take the JWT: it is of no more use, whether or not the browser lets go of its cookie. */
let refused = false;

/** The JWT of the reader who signed up here; null for a visitor. */
export function userJwt() {
  if (refused) return null;
  const pair = document.cookie.split("; ").find((part) => part.startsWith(`${cookie}=`));
  return pair ? decodeURIComponent(pair.slice(cookie.length + 1)) : null;
}

/** The identity form for the engine. A JWT that has run out makes a visitor again, not an error. */
export function identity() {
  const jwt = userJwt();
  if (jwt) return { userJwt: jwt, createAnonymousIdentifierFallback: true };
  const anonymousIdentifier = localStorage.getItem(visitorKey);
  return anonymousIdentifier ? { anonymousIdentifier } : { createAnonymousIdentifier: true };
}

/**
 * Keeps what the engine said of the reader.
 * @param {{ isAuthenticated: boolean, identifier: string }} answered
 */
export function remember(answered) {
  if (answered.isAuthenticated) return;
  localStorage.setItem(visitorKey, answered.identifier);
  refused = true;
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not in every browser, nor over plain http
  document.cookie = `${cookie}=; Path=/demo; Max-Age=0; SameSite=Lax`;
}

/** Forgets the visitor; the server forgets the user. */
export function forget() {
  localStorage.removeItem(visitorKey);
}

/**
 * Shows in the masthead who is reading.
 * @param {{ isAuthenticated: boolean, identifier: string } | null} answered null when the engine did not say
 */
export function showReader(answered) {
  const signedIn = answered ? answered.isAuthenticated : userJwt() !== null;
  for (const part of document.querySelectorAll("[data-reader]")) {
    part.toggleAttribute("hidden", (part.getAttribute("data-reader") === "user") !== signedIn);
  }
  const name = document.querySelector("[data-reader-name]");
  if (name) name.textContent = answered?.identifier ?? "";
}
