import { html } from "hono/html";
import { base, type Html } from "./page.ts";

/** What the page script needs in order to ask the engine. */
export type EngineAccess = { publicKey: string; surfaceSlug: string };

/** The frame of every page of the paper. Nothing in it is inline and nothing is loaded from elsewhere. */
export function frame({ title, main, engine }: { title: string; main: Html; engine: EngineAccess }): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<meta name="scrip-public-key" content="${engine.publicKey}">
<meta name="scrip-surface" content="${engine.surfaceSlug}">
<title>${title}</title>
<link rel="icon" href="${base}/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${base}/site.css">
<link rel="stylesheet" href="${base}/story.css">
<link rel="stylesheet" href="${base}/desk.css">
<script type="module" src="${base}/site.js"></script>
</head>
<body>
<a class="skip" href="#main">Skip to the page</a>
${masthead()}
<main id="main">
${main}
</main>
${footer}
</body>
</html>
`;
}

function masthead(): Html {
  const now = new Date();
  const date = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric" });
  return html`<header class="masthead">
  <p class="masthead-date"><time datetime="${now.toISOString().slice(0, 10)}">${date.format(now)}</time></p>
  <p class="nameplate"><a href="${base}">The Daily Scrip</a></p>
  <div class="reader">
    <a class="reader-sign-in" data-reader="anonymous" href="${base}/sign-up" hidden>Sign in</a>
    <form class="reader-sign-out" data-reader="user" method="post" action="${base}/sign-out" hidden>
      <span data-reader-name></span>
      <button type="submit">Sign out</button>
    </form>
    <p class="reader-holds" data-reader-holds hidden></p>
  </div>
</header>`;
}

const footer = html`<footer class="colophon">
  <p>The Daily Scrip is a demonstration newspaper. It asks the engine what to show and has it redeemed, through the same public API that any site uses: <a href="/docs">read the reference</a>.</p>
</footer>`;
