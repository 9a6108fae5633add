import { html } from "hono/html";
import { type EngineAccess, frame } from "./layout.ts";
import { arrivalNotice, type Checkout, cancelledNotice, isArrival } from "./notice.ts";
import type { Html } from "./page.ts";
import { scripNote } from "./scrip-note.ts";
import { story } from "./story.ts";

/**
 * The article with its gate. The whole text is in the page, because the gate fails open: the script opens it when the
 * engine does not answer, and the stylesheet where no script runs.
 */
export function articlePage(input: { engine: EngineAccess; checkout: Checkout | null }): Html {
  const { engine, checkout } = input;
  const main = html`${checkout === "cancelled" ? cancelledNotice : ""}
${arrivalNotice(checkout)}
<article class="story" data-gate="closed" data-product="${story.product}" ${isArrival(checkout) ? "data-arrival" : ""}>
  <header class="story-head">
    <p class="kicker">${story.kicker}</p>
    <h1>${story.headline}</h1>
    <p class="standfirst">${story.standfirst}</p>
    <p class="byline">By <b>${story.author}</b> <span>${story.place}</span> <span>${story.minutes} minute read</span></p>
  </header>
  <figure class="plate">${scripNote}<figcaption>${story.caption}</figcaption></figure>
  <div class="story-text" id="story">
    ${story.paragraphs.map((paragraph) => html`<p>${paragraph}</p>`)}
  </div>
  <p class="gate-word" data-gate-word role="status" hidden></p>
</article>
<section id="paywall" aria-label="Subscribe" tabindex="-1"></section>
${backstage}`;
  return frame({ title: `${story.headline} · The Daily Scrip`, main, engine });
}

const backstage = html`<details class="backstage" data-backstage>
  <summary><span class="backstage-title">Behind the scenes</span> <span class="backstage-gist" data-gist>asking the engine…</span></summary>
  <div class="backstage-body">
    <p>This page knows nothing of plans, prices or Stripe. It asked the engine what to show here, placed the answer, and sends the engine the token of the button that you press. Of a reader who is signed in it asks what they hold. These are the latest answers of this tab, long strings shortened.</p>
    <section data-exchange="decision" hidden><h2>Decision</h2><dl></dl><pre tabindex="0" aria-label="The decision’s JSON"></pre></section>
    <section data-exchange="redemption" hidden><h2>Redemption</h2><dl></dl><pre tabindex="0" aria-label="The redemption’s JSON"></pre></section>
    <section data-exchange="access" hidden><h2>Access check</h2><dl></dl><pre tabindex="0" aria-label="The access check’s JSON"></pre></section>
    <p class="backstage-foot">Every <code>eventId</code> finds its event at <code>GET /api/v1/events/{eventId}</code>, with the secret key.</p>
  </div>
</details>`;
