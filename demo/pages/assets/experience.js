// @ts-check
import { showPrices } from "./prices.js";

/** Places what a decision says where it says, each piece in a shadow root of its own. */

/** @type {Record<string, (target: Element, node: Node) => void>} */
const placements = {
  before: (target, node) => target.before(node),
  prepend: (target, node) => target.prepend(node),
  append: (target, node) => target.append(node),
  after: (target, node) => target.after(node),
};

/**
 * Places every component and gives back the shadow roots. Whatever an earlier decision placed goes.
 * @param {any} decision
 * @returns {ShadowRoot[]}
 */
export function placeComponents(decision) {
  for (const old of document.querySelectorAll("[data-placed]")) old.remove();
  /** @type {ShadowRoot[]} */
  const roots = [];
  for (const [slug, { content, metadata }] of Object.entries(decision.componentBehaviors)) {
    const target = document.querySelector(metadata.cssSelector);
    if (!target) throw new Error(`component ${slug} has no place: ${metadata.cssSelector}`);
    for (const [placement, elements] of Object.entries(content)) {
      for (const element of elements) {
        const host = hostOf(element);
        if (!host) continue;
        placements[placement]?.(target, host);
        if (host.shadowRoot) roots.push(host.shadowRoot);
      }
    }
  }
  return roots;
}

/** @param {{ type: string, content?: string }} element */
function hostOf({ type, content }) {
  if (content === undefined || (type !== "html" && type !== "text")) return null;
  const host = document.createElement("div");
  host.setAttribute("data-placed", "");
  const root = host.attachShadow({ mode: "open" });
  if (type === "text") {
    root.textContent = content;
    return host;
  }
  const template = document.createElement("template");
  template.innerHTML = content;
  root.adoptedStyleSheets = [...template.content.querySelectorAll("style")].map(adoptable);
  root.append(template.content);
  showPrices(root);
  return host;
}

/**
 * The page's policy forbids inline styles; a constructed sheet is none.
 * @param {HTMLStyleElement} style
 */
function adoptable(style) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style.textContent ?? "");
  style.remove();
  return sheet;
}
