import { html, raw } from "hono/html";
import { shownCards } from "./cards.ts";
import type { FieldFaults, PaymentForm } from "./payment-form.ts";
import { script } from "./script.ts";
import { style } from "./style.ts";
import type { Summary } from "./summary.ts";

/** Finished HTML. */
export type Html = ReturnType<typeof html>;

/** What the payment page shows. */
export interface PaymentPage {
  summary: Summary;
  cancelUrl: string | null;
  /** What was typed before, or what is known; card fields are never sent back. */
  typed: Pick<PaymentForm, "email" | "method" | "name">;
  faults: FieldFaults;
  /** What became of the card, if anything did. */
  declined: string | null;
}

/** The page where an open session is paid. */
export function paymentPage(page: PaymentPage): Html {
  const { summary } = page;
  const troubled = page.declined !== null || Object.keys(page.faults).length > 0;
  return documentOf(
    `${troubled ? "Error: " : ""}${summary.button} · ${summary.merchant}`,
    html`<div class="split">
      <aside class="side" aria-label="Order summary"><div>${orderSummary(page)}</div></aside>
      <main class="pay">${paymentForm(page)}${testCards(summary.asks)}</main>
    </div>
    <script>${raw(script)}</script>`,
  );
}

/** The frame of every page: nothing in it is loaded from anywhere. */
export function documentOf(title: string, body: Html): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${raw(style)}</style>
</head>
<body>
${body}
</body>
</html>
`;
}

/** Says that no money moves here. */
export const testBadge = html`<span class="badge">Test mode</span>`;

function orderSummary({ summary, cancelUrl }: PaymentPage): Html {
  return html`<header class="merchant">
      ${cancelUrl === null ? "" : html`<a class="back" href="${cancelUrl}" aria-label="Back to ${summary.merchant}">${arrow}</a>`}
      <span class="mark" aria-hidden="true">${summary.merchant.slice(0, 1).toUpperCase()}</span>
      <span>${summary.merchant}</span>
      ${testBadge}
    </header>
    <h1 class="for">${summary.heading}</h1>
    <p class="amount"><strong>${summary.headline}</strong>${summary.rhythm === "" ? "" : html`<span>${summary.rhythm}</span>`}</p>
    ${summary.afterwards === "" ? "" : html`<p class="then">${summary.afterwards}</p>`}
    ${summary.lines.length === 0 ? "" : orderLines(summary)}
    <p class="foot">Local Stripe: a stand-in for development. No money moves, and no real card belongs here.</p>`;
}

function orderLines({ lines, subtotal, discount, total }: Summary): Html {
  const itemized = discount !== null || lines.length > 1;
  return html`<ul class="lines">
      ${lines.map(
        ({ name, details, amount }) =>
          html`<li><div><b>${name}</b>${details.map((detail) => html`<small>${detail}</small>`)}</div><span>${amount}</span></li>`,
      )}
    </ul>
    <dl class="sums">
      ${itemized ? html`<div class="quiet"><dt>Subtotal</dt><dd>${subtotal}</dd></div>` : ""}
      ${discount === null ? "" : html`<div class="quiet"><dt>${discount.label}</dt><dd>${discount.amount}</dd></div>`}
      <div class="total"><dt>Total due today</dt><dd>${total}</dd></div>
    </dl>`;
}

function paymentForm({ summary, typed, faults, declined, cancelUrl }: PaymentPage): Html {
  const input = { typed, faults };
  return html`<form method="post" novalidate>
      <h2>${headingOf(summary)}</h2>
      ${declined === null ? "" : html`<p class="alert with-card" role="alert">${warning}<span>${declined}</span></p>`}
      ${textField("email", "Email", html`type="email" autocomplete="email" inputmode="email"`, input)}
      ${summary.bankDebit ? methodFields(typed.method) : ""}
      ${summary.asks ? html`${cardFields(faults, declined !== null)}${textField("name", nameLabel, html`autocomplete="cc-name"`, input)}` : ""}
      <button type="submit">${summary.button}</button>
      ${cancelUrl === null ? "" : html`<p class="legal"><a href="${cancelUrl}">Cancel and return to ${summary.merchant}</a></p>`}
    </form>`;
}

function headingOf({ asks, bankDebit }: Summary): string {
  const payment = bankDebit ? "Payment details" : "Pay with card";
  return asks ? payment : "Your details";
}

/** The style sheet shows what belongs to the method that is chosen. */
const nameLabel = html`<span class="with-card">Name on card</span><span class="with-debit">Account holder name</span>`;

function methodFields(chosen: PaymentForm["method"]): Html {
  const choice = (value: PaymentForm["method"], label: string, about: string) =>
    html`<label><input type="radio" name="method" value="${value}" ${value === chosen ? "checked" : ""}><span>${label}<small>${about}</small></span></label>`;
  return html`<fieldset class="field methods">
      <legend>Payment method</legend>
      <div>${choice("card", "Card", "Pays at once")}${choice("delayed", "Bank debit", "Settles later")}</div>
      <p class="note with-debit">No account details are needed here. You go back to the shop at once, and the payment stays pending until it settles.</p>
    </fieldset>`;
}

function textField(
  name: "email" | "name",
  label: string | Html,
  attributes: Html,
  { typed, faults }: Pick<PaymentPage, "typed" | "faults">,
): Html {
  const fault = faults[name];
  return html`<div class="field">
      <label for="${name}">${label}</label>
      <input id="${name}" name="${name}" value="${typed[name]}" ${attributes} required ${invalidWhen(name, fault)}>
      ${faultLine(name, fault)}
    </div>`;
}

/** After a decline the cursor is where the next card goes. */
function cardFields(faults: FieldFaults, again: boolean): Html {
  return html`<fieldset class="field with-card">
      <legend>Card information</legend>
      <div class="card">
        <input name="number" aria-label="Card number" placeholder="1234 1234 1234 1234" inputmode="numeric" autocomplete="cc-number" maxlength="23" required ${again ? "autofocus" : ""} ${invalidWhen("number", faults.number)}>
        <input name="expiry" aria-label="Expiration date, month and year" placeholder="MM / YY" inputmode="numeric" autocomplete="cc-exp" maxlength="9" required ${invalidWhen("expiry", faults.expiry)}>
        <input name="cvc" aria-label="Security code" placeholder="CVC" inputmode="numeric" autocomplete="cc-csc" maxlength="4" required ${invalidWhen("cvc", faults.cvc)}>
      </div>
      ${faultLine("number", faults.number)}${faultLine("expiry", faults.expiry)}${faultLine("cvc", faults.cvc)}
    </fieldset>`;
}

function invalidWhen(name: string, fault: string | undefined): Html | string {
  return fault === undefined ? "" : html`aria-invalid="true" aria-describedby="${name}-fault" autofocus`;
}

function faultLine(name: string, fault: string | undefined): Html | string {
  return fault === undefined ? "" : html`<p class="fault" id="${name}-fault" role="alert">${fault}</p>`;
}

function testCards(asks: boolean): Html | string {
  if (!asks) {
    return "";
  }
  const rows = shownCards.map(({ number, outcome }) => html`<div><dt>${number}</dt><dd>${outcome}</dd></div>`);
  return html`<section class="hint with-card" aria-label="Test cards">
      <p>Test cards: any future date, any CVC</p>
      <dl>${rows}</dl>
    </section>`;
}

const arrow = raw(
  '<svg width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="M13 8H3M7 4 3 8l4 4"/></svg>',
);

const warning = raw(
  '<svg width="18" height="18" viewBox="0 0 18 18" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" aria-hidden="true"><circle cx="9" cy="9" r="7.5"/><path d="M9 5.2v4.4M9 12.6v.1"/></svg>',
);
