import { readFileSync } from "node:fs";

const names = [
  "site.css",
  "story.css",
  "desk.css",
  "icon.svg",
  "site.js",
  "arrival.js",
  "backstage.js",
  "checkout.js",
  "engine.js",
  "experience.js",
  "holdings.js",
  "prices.js",
  "reader.js",
  "redeem.js",
  "trouble.js",
] as const;

const types = { css: "text/css", js: "text/javascript", svg: "image/svg+xml" } as const;

/** A file of the site, read when the module is loaded. */
export type Asset = { body: string; contentType: string };

/** The site's scripts, styles and icon by name. */
export const assets: ReadonlyMap<string, Asset> = new Map(names.map((name) => [name, asset(name)]));

/** A text file beside this module, below `assets`. */
export function asset(name: (typeof names)[number] | "paywall.css"): Asset {
  const body = readFileSync(new URL(`./assets/${name}`, import.meta.url), "utf8");
  const ending = name.split(".")[1];
  const type = ending === "css" || ending === "svg" ? types[ending] : types.js;
  return { body, contentType: `${type}; charset=utf-8` };
}
