// @ts-check
/** @typedef {import("./engine.js").Exchange} Exchange */

/** The strip for developers: the latest decision, redemption and access check of this tab. */

/** @typedef {"decision" | "redemption" | "access"} Kind */

const storageKey = (/** @type {string} */ kind) => `daily-scrip:${kind}`;
const longestText = 96;

/**
 * Keeps an exchange for the pages that follow in this tab.
 * @param {Kind} kind
 * @param {Exchange} exchange
 */
export function keepExchange(kind, exchange) {
  sessionStorage.setItem(storageKey(kind), JSON.stringify(exchange, shortened));
}

/** Forgets what was kept. */
export function forgetExchanges() {
  for (const kind of ["decision", "redemption", "access"]) sessionStorage.removeItem(storageKey(kind));
}

/**
 * Keeps and shows an exchange.
 * @param {Kind} kind
 * @param {Exchange} exchange
 */
export function showExchange(kind, exchange) {
  keepExchange(kind, exchange);
  showKept(kind);
}

/**
 * Shows what was kept, if anything was.
 * @param {Kind} kind
 */
export function showKept(kind) {
  const section = document.querySelector(`[data-exchange="${kind}"]`);
  const kept = sessionStorage.getItem(storageKey(kind));
  if (!section || !kept) return;
  const exchange = JSON.parse(kept);
  section.querySelector("dl")?.replaceChildren(...factsOf(exchange).flatMap(factRow));
  section.querySelector("pre")?.replaceChildren(JSON.stringify(exchange.body, null, 2));
  section.removeAttribute("hidden");
  if (kind !== "decision") return;
  const { status, durationMs } = exchange;
  const gist = status === 0 ? "the engine did not answer" : `${status} in ${durationMs} ms`;
  document.querySelector("[data-gist]")?.replaceChildren(gist);
}

/**
 * @param {Exchange} exchange
 * @returns {[string, string][]}
 */
function factsOf({ path, status, body, durationMs }) {
  /** @type {[string, unknown][]} */
  const facts = [
    ["request", `POST ${path}`],
    ["status", status === 0 ? "no answer" : `${status} in ${durationMs} ms`],
    ["code", body?.code],
    ["message", body?.message],
    ["eventId", body?.eventId],
    ["identity", body?.identity && `${body.identity.authType} · ${body.identity.identifier}`],
    ["offers", body?.offers && offersIn(body.offers)],
    ["action", body?.action && `${body.action.type} ${body.action.url ?? ""}`],
    ["access", body?.access && accessIn(body.access)],
    ["holds", body?.entitlements && heldIn(body.entitlements)],
    [
      "awaits",
      body?.awaitingPayment?.map((/** @type {any} */ { plan, offer }) => (plan ?? offer).name).join(", ") || null,
    ],
  ];
  return facts.flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : []));
}

/** @param {any[]} offers */
function offersIn(offers) {
  if (offers.length === 0) return "none";
  return offers.map(({ id, plans = [] }) => `${id}${plans.length > 0 ? `, ${plans.length} plans` : ""}`).join("; ");
}

/** @param {Record<string, boolean>} access */
function accessIn(access) {
  return Object.entries(access)
    .map(([product, has]) => `${product}: ${has}`)
    .join(", ");
}

/** @param {any[]} entitlements */
function heldIn(entitlements) {
  if (entitlements.length === 0) return "nothing";
  return entitlements
    .map(({ resource, ended_at }) => `${resource.slug} ${ended_at ? `until ${ended_at.slice(0, 10)}` : "for good"}`)
    .toSorted()
    .join(", ");
}

/** @param {[string, string]} fact */
function factRow([name, value]) {
  const term = document.createElement("dt");
  const description = document.createElement("dd");
  term.textContent = name;
  description.textContent = value;
  return [term, description];
}

/**
 * @param {string} _key
 * @param {unknown} value
 */
function shortened(_key, value) {
  if (typeof value !== "string" || value.length <= longestText) return value;
  return `${value.slice(0, longestText / 2)}… (${value.length} characters)`;
}
