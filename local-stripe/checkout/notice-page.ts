import { html, raw } from "hono/html";
import { documentOf, type Html, testBadge } from "./page.ts";

/** A page that says one thing. */
export interface Notice {
  title: string;
  text: string;
  icon: "clock" | "done" | "unknown";
  /** Where to go from here. */
  link: { href: string; label: string } | null;
}

/** The page of a session that cannot be paid: over, paid already, or never there. */
export function noticePage({ title, text, icon, link }: Notice): Html {
  return documentOf(
    title,
    html`<div class="alone">
      <main>
        ${icons[icon]}
        <h1>${title}</h1>
        <p>${text}</p>
        ${link === null ? testBadge : html`<a class="button" href="${link.href}">${link.label}</a>`}
      </main>
    </div>`,
  );
}

const icons = {
  clock: drawn('<circle cx="22" cy="22" r="17"/><path d="M22 12v10l6.5 4"/>'),
  done: drawn('<circle cx="22" cy="22" r="17"/><path d="m14.5 22.5 5.2 5.2 10-10.4"/>'),
  unknown: drawn('<circle cx="22" cy="22" r="17"/><path d="M17 17.5a5 5 0 1 1 7 4.6c-1.3.6-2 1.5-2 2.9M22 30.6v.1"/>'),
};

function drawn(shape: string) {
  return raw(
    `<svg width="44" height="44" viewBox="0 0 44 44" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${shape}</svg>`,
  );
}
