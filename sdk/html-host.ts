import { isRecord } from "./page.ts";

/**
 * An element whose shadow root holds HTML of the operator's configuration. Nothing in it runs: scripts and handlers are
 * left out. Styles become constructed sheets and properties, which a Content-Security-Policy without inline styles lets
 * pass, though browsers tell of each `style` attribute that they read. This is no sanitizer for what strangers wrote.
 */
export function htmlHost(html: string): Element {
  const template = document.createElement("template");
  // through Reflect because the page's policy may demand a TrustedHTML, which is no string to the compiler
  Reflect.set(template, "innerHTML", trusted(html));
  const sheets: CSSStyleSheet[] = [];
  const inline: (() => void)[] = [];
  for (const element of template.content.querySelectorAll("*")) {
    if (element instanceof HTMLStyleElement) sheets.push(adoptable(element));
    if (/^(?:script|style)$/i.test(element.localName)) element.remove();
    else takeAttributes(element, inline);
  }
  const host = document.createElement("div");
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = sheets;
  root.append(template.content);
  for (const apply of inline) apply();
  return host;
}

/** Takes out what would run, and puts inline styles aside for when the element is on the page. */
function takeAttributes(element: Element, inline: (() => void)[]): void {
  for (const { name, value } of [...element.attributes]) {
    if (/^on|^srcdoc$/i.test(name) || isScriptAddress(value)) element.removeAttribute(name);
    if (name !== "style" || !(element instanceof HTMLElement || element instanceof SVGElement)) continue;
    element.removeAttribute(name);
    inline.push(() => {
      element.style.cssText = value;
    });
  }
}

/** Browsers read over white space and control characters in the scheme of an address. */
function isScriptAddress(value: string): boolean {
  return /^javascript:/i.test(value.slice(0, 200).replace(/[^!-~]/g, ""));
}

function adoptable(style: HTMLStyleElement): CSSStyleSheet {
  const sheet = new CSSStyleSheet(style.media ? { media: style.media } : {});
  sheet.replaceSync(style.textContent ?? "");
  return sheet;
}

let policy: unknown;

/** HTML for pages that demand Trusted Types: they allow the policy `scrip`. */
function trusted(html: string): unknown {
  const types: unknown = Reflect.get(window, "trustedTypes");
  if (!isRecord(types) || typeof types.createPolicy !== "function") return html;
  policy ??= types.createPolicy("scrip", { createHTML: (text: string) => text });
  return isRecord(policy) && typeof policy.createHTML === "function" ? policy.createHTML(html) : html;
}
