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

/** Whom the JWT here is about, for words alone; empty when there is none, or it has run out or cannot be read. */
function userInJwt() {
  const payload = (userJwt()?.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
  try {
    // the site's addresses are ASCII
    const { sub, exp } = JSON.parse(atob(payload));
    return typeof sub === "string" && exp * 1000 > Date.now() ? sub : "";
  } catch {
    return "";
  }
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
 * Shows who is reading.
 * @param {{ isAuthenticated: boolean, identifier: string } | null} answered null when the engine did not say
 */
export function showReader(answered) {
  const said = answered?.isAuthenticated === false ? "" : (answered?.identifier ?? userInJwt());
  for (const part of document.querySelectorAll("[data-reader]")) {
    part.toggleAttribute("hidden", (part.getAttribute("data-reader") === "user") !== (said !== ""));
  }
  for (const name of document.querySelectorAll("[data-reader-name]")) {
    name.textContent = said;
  }
}
