import { html } from "hono/html";
import { type EngineAccess, frame } from "./layout.ts";
import { base, type Html } from "./page.ts";

/** What the sign-up form shows: as it was typed, and what is wrong with it. */
export type SignUp = { offerToken: string; email: string; fault: string | null };

/** The sign-up form. With an offer token it leads on to the checkout, without one back to the story. */
export function signUpPage({ engine, signUp }: { engine: EngineAccess; signUp: SignUp }): Html {
  const { offerToken, email, fault } = signUp;
  const buying = offerToken !== "";
  const main = html`<section class="desk">
  <p class="kicker">Subscriptions desk</p>
  <h1>${buying ? "First, who is it for?" : "Who is reading?"}</h1>
  <p class="desk-lede">${buying ? "Your subscription goes in the book under an e-mail address. Then comes the payment." : "Give the e-mail address that you subscribed with."}</p>
  <p class="desk-lede" data-reader="user" hidden>You are signed in as <b data-reader-name></b>. Another address signs you in as somebody else.</p>
  <form method="post" action="${base}/sign-up" novalidate>
    <input type="hidden" name="offerToken" value="${offerToken}">
    <label for="email">E-mail address</label>
    <input id="email" name="email" type="email" value="${email}" autocomplete="email" inputmode="email" placeholder="ines@hollin.example" maxlength="254" required ${fault === null ? "autofocus" : html`autofocus aria-invalid="true" aria-describedby="email-fault"`}>
    ${fault === null ? "" : html`<p class="fault" id="email-fault" role="alert">${fault}</p>`}
    <button type="submit">${buying ? "Continue to payment" : "Sign in"}</button>
  </form>
  <p class="desk-small">This is a demonstration: there is no password, any address will do, and nothing is ever sent to it.</p>
  <p class="desk-small"><a href="${base}">Back to the story</a></p>
</section>`;
  return frame({ title: `${fault === null ? "" : "Error: "}Sign up · The Daily Scrip`, main, engine });
}
