// @ts-check
import { showExchange } from "./backstage.js";
import { awaitsPayment, checkAccess } from "./engine.js";

/** @typedef {{ resource: { name: string }, ended_at: string | null }} Entitlement */

/**
 * Shows in the masthead what a reader holds, as an access check says it: "Digital Access, until 21 November 2027". Says
 * whether a payment of theirs is on its way.
 * @param {string} userJwt
 * @param {string[]} products
 */
export async function showHoldings(userJwt, products) {
  const exchange = await checkAccess({ userJwt }, products);
  showExchange("access", exchange);
  const text = exchange.body?.status === "success" ? heldIn(exchange.body.entitlements) : "";
  const line = document.querySelector("[data-reader-holds]");
  line?.replaceChildren(text);
  line?.toggleAttribute("hidden", text === "");
  return awaitsPayment(exchange);
}

const list = new Intl.ListFormat("en-GB");
const date = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric" });

/**
 * Each product once, however many entitlements it comes from, with the last of their ends.
 * @param {Entitlement[]} entitlements
 */
function heldIn(entitlements) {
  const names = entitlements.map(({ resource }) => resource.name).toSorted();
  const ends = new Map(names.map((name) => [name, 0]));
  for (const { resource, ended_at } of entitlements) {
    const end = ended_at === null ? Infinity : Date.parse(ended_at);
    ends.set(resource.name, Math.max(end, ends.get(resource.name) ?? 0));
  }
  const byEnd = Map.groupBy(ends.keys(), (name) => untilOf(ends.get(name) ?? 0));
  return [...byEnd].map(([until, names]) => `${list.format(names)}${until}`).join("; ");
}

/** @param {number} end */
function untilOf(end) {
  return end === Infinity ? "" : `, until ${date.format(end)}`;
}
