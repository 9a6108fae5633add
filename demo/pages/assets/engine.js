// @ts-check
/**
 * One request to the engine and its answer. `status` 0: no answer came. `body` null: it was not JSON.
 * @typedef {{ path: string, status: number, body: any, durationMs: number }} Exchange
 */

const timeoutMs = 10_000;
const meta = (/** @type {string} */ name) =>
  document.querySelector(`meta[name="${name}"]`)?.getAttribute("content") ?? "";

/**
 * What this page's surface shows to somebody.
 * @param {object} identity
 */
export function decide(identity) {
  const resource = { id: location.pathname };
  const http = { url: location.href, referer: document.referrer || null };
  return ask("/api/v1/surface-decisions", { surfaceSlug: meta("scrip-surface"), identity, resource, http });
}

/**
 * Redeems an offer token as somebody; for whoever waits for a payment already gives the access check that says so.
 * @param {{ userJwt?: string }} identity
 * @param {string} offerToken
 */
export async function redeem(identity, offerToken) {
  const { userJwt } = identity;
  const check = userJwt ? await checkAccess({ userJwt }, []) : null;
  if (check && awaitsPayment(check)) return check;
  return ask("/api/v1/offer-redemptions", { identity, offerToken, http: { url: location.href } });
}

/**
 * What somebody has access to, by the engine's database.
 * @param {object} identity
 * @param {string[]} products
 */
export function checkAccess(identity, products) {
  return ask("/api/v1/access-checks", { identity, products, http: { url: location.href } });
}

/**
 * Whether an access check says that a payment is on its way.
 * @param {Exchange} exchange
 * @returns {boolean}
 */
export function awaitsPayment({ body }) {
  return Array.isArray(body?.awaitingPayment) && body.awaitingPayment.length > 0;
}

/**
 * Where an answer wants the reader to go, after success and after refusal alike; null when nowhere.
 * @param {Exchange} exchange
 */
export function destination({ body }) {
  const action = body?.action;
  if (action?.type !== "navigate" || typeof action.url !== "string") return null;
  if (!URL.canParse(action.url, location.href)) return null;
  const url = new URL(action.url, location.href);
  return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
}

/**
 * @param {string} path
 * @param {object} body
 * @returns {Promise<Exchange>}
 */
async function ask(path, body) {
  const startedMs = performance.now();
  const done = (/** @type {number} */ status, /** @type {unknown} */ answer) => ({
    path,
    status,
    body: answer,
    durationMs: Math.round(performance.now() - startedMs),
  });
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { Authorization: `Bearer ${meta("scrip-public-key")}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
    return done(response.status, await response.json().catch(() => null));
  } catch {
    return done(0, null);
  }
}
