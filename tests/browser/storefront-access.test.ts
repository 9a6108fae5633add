import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import {
  control,
  gate,
  goToStripe,
  newEmail,
  openPage,
  openTab,
  payByBankDebit,
  payWith,
  planButton,
  refundLatestPayment,
  shareStorefront,
  signIn,
  site,
} from "./storefront.ts";

shareStorefront();

const heading = (page: Page, name: string) => page.getByRole("heading", { name });
const thanks = (page: Page) => heading(page, "Thank you. The story is yours.");
const waiting = (page: Page) => heading(page, "Thank you. We are waiting for your payment.");
const late = (page: Page) => heading(page, "We have not heard of your payment yet.");
const onItsWay = (page: Page) => heading(page, "Your payment is on its way.");
const stillWaiting = (page: Page) => page.getByText("We are still waiting for your last payment.");
const included = (page: Page) => page.getByText("Included in your subscription.");
const holdings = (page: Page) => page.locator("[data-reader-holds]");

async function buy(page: Page, purchase: { plan?: string; email: string }): Promise<void> {
  await goToStripe(page, purchase);
  await payWith(page, "4242424242424242");
  await thanks(page).waitFor();
}

/** Counts how often a page asks for a decision. */
function decisionsOf(page: Page): () => number {
  let asked = 0;
  page.on("request", (request) => {
    if (request.url().endsWith("/surface-decisions")) asked++;
  });
  return () => asked;
}

test("whoever has paid reads at the first load, after a reload, in a second tab and in a second browser", async () => {
  const page = await openPage();
  const email = newEmail();
  await goToStripe(page, { email });
  const asked = decisionsOf(page);
  await payWith(page, "4242424242424242");
  await included(page).waitFor();
  expect([asked(), await gate(page), page.url()]).toEqual([1, "open", site()]);

  await page.reload();
  await included(page).waitFor();
  expect(await page.locator("[data-notice]").isVisible()).toBe(false);

  const tab = await openTab(page.context());
  await tab.goto(site());
  await included(tab).waitFor();

  const elsewhere = await openPage();
  await signIn(elsewhere, email);
  await included(elsewhere).waitFor();
  expect([await gate(page), await gate(tab), await gate(elsewhere)]).toEqual(["open", "open", "open"]);
});

test("the masthead says what a subscriber holds, and fits a screen of 360 pixels", async () => {
  const page = await openPage({ width: 360 });
  await buy(page, { plan: "Annual Digital + Print", email: newEmail() });
  await holdings(page).waitFor();
  const nextYear = new Date().getFullYear() + 1;
  expect(await holdings(page).textContent()).toMatch(
    new RegExp(`^Digital Access and Print Edition, until \\d+ [A-Z][a-z]+ ${nextYear}$`),
  );
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
  await page.getByRole("button", { name: "Sign out" }).click();
  await planButton(page, "Annual Digital").waitFor();
  expect([await gate(page), await holdings(page).isVisible()]).toEqual(["closed", false]);
});

test("what one reader has paid for stays closed to another, and to a visitor", async () => {
  await buy(await openPage(), { email: newEmail() });
  const page = await openPage();
  await page.goto(site());
  await planButton(page, "Annual Digital").waitFor();
  expect(await gate(page)).toBe("closed");
  await signIn(page, newEmail());
  await planButton(page, "Annual Digital").waitFor();
  await page.getByText("Behind the scenes").click();
  await page.locator("[data-exchange=access]").getByText("digital: false").waitFor();
  expect([await gate(page), await holdings(page).isVisible()]).toEqual(["closed", false]);
});

test("a subscriber who takes the offer for a stranger's does not pay twice", async () => {
  const email = newEmail();
  await buy(await openPage(), { email });
  const page = await openPage();
  await page.goto(site());
  await planButton(page, "Annual Digital").click();
  await page.getByLabel("E-mail address").fill(email);
  await page.getByRole("button", { name: "Continue to payment" }).click();
  await page.getByRole("alert").getByRole("link", { name: "Back to the story" }).click();
  await included(page).waitFor();
});

test.each(["?checkout=success", "?allegro_purchase_pending=1"])(
  "an address with %s opens nothing: the page asks a few times and stops with a word",
  async (query) => {
    const page = await openPage();
    const asked = decisionsOf(page);
    await page.clock.install();
    await page.goto(`${site()}${query}`);
    await waiting(page).waitFor();
    await page.waitForURL(site());
    await expect
      .poll(async () => {
        await page.clock.runFor(8000);
        return late(page).isVisible();
      })
      .toBe(true);
    await page.clock.runFor(600_000);
    expect([asked(), await gate(page)]).toEqual([5, "closed"]);

    await page.getByRole("link", { name: "Look again" }).click();
    await planButton(page, "Annual Digital").waitFor();
  },
);

test("a payment that failed is told in the words of a cancelled checkout", async () => {
  const page = await openPage();
  await page.goto(`${site()}?checkout=success&allegro_purchase_error=payment_failed`);
  await heading(page, "No harm done.").waitFor();
  await page.waitForURL(site());
  await planButton(page, "Annual Digital").waitFor();
  expect(await gate(page)).toBe("closed");
});

test("a bank debit is waited for, and opens the story as soon as it settles", async () => {
  const page = await openPage();
  const session = await goToStripe(page);
  await payByBankDebit(page);
  await waiting(page).waitFor();
  await page.waitForURL(site());
  expect(await gate(page)).toBe("closed");
  expect(await planButton(page, "Annual Digital").count()).toBe(0);
  await control(`sessions/${session}/settle`, { outcome: "succeeded" });
  await thanks(page).waitFor();
  await included(page).waitFor();
});

test("a bank debit that takes longer is told of in place of the offer, on every visit and wherever the reader signs in", async () => {
  const page = await openPage();
  const email = newEmail();
  const session = await goToStripe(page, { email });
  await payByBankDebit(page);
  await waiting(page).waitFor();
  await page.waitForURL(site());

  const elsewhere = await openPage();
  await signIn(elsewhere, email);
  const tab = await openTab(page.context());
  await tab.goto(site());
  await page.reload();
  for (const one of [page, tab, elsewhere]) {
    await onItsWay(one).waitFor();
    expect([await gate(one), await planButton(one, "Annual Digital").count()]).toEqual(["closed", 0]);
  }
  await page.goto(`${site()}?checkout=cancelled`);
  await onItsWay(page).waitFor();
  expect(await heading(page, "No harm done.").count()).toBe(0);

  await control(`sessions/${session}/settle`, { outcome: "succeeded" });
  await control("settled");
  for (const one of [page, tab, elsewhere]) {
    await one.reload();
    await included(one).waitFor();
    expect(await onItsWay(one).isVisible()).toBe(false);
  }
});

test("a bank debit that fails brings the offer back, without a word of waiting", async () => {
  const page = await openPage();
  const session = await goToStripe(page);
  await payByBankDebit(page);
  await waiting(page).waitFor();
  await page.goto(site());
  await onItsWay(page).waitFor();
  await control(`sessions/${session}/settle`, { outcome: "failed" });
  await control("settled");
  await page.reload();
  await planButton(page, "Annual Digital").waitFor();
  expect([await onItsWay(page).isVisible(), await stillWaiting(page).count()]).toEqual([false, 0]);
});

test("whoever waits for a payment buys nothing by an offer from before, nor as a stranger who then signs in", async () => {
  const [page, stale, stranger] = [await openPage(), await openPage(), await openPage()];
  const email = newEmail();
  await signIn(stale, email);
  await planButton(stale, "Annual Digital").waitFor();
  await goToStripe(page, { email });
  await payByBankDebit(page);
  await waiting(page).waitFor();

  await planButton(stale, "Annual Digital").click();
  await stale.getByRole("alert").getByText("You have bought this already").waitFor();

  await stranger.goto(site());
  await planButton(stranger, "Monthly Digital").click();
  await stranger.getByLabel("E-mail address").fill(email);
  await stranger.getByRole("button", { name: "Continue to payment" }).click();
  await stranger.getByRole("alert").getByRole("link", { name: "Look again" }).click();
  await onItsWay(stranger).waitFor();
});

test("a payment that the engine has not heard of is told of beside the offer, until the reader signs out", async () => {
  const page = await openPage();
  await signIn(page, newEmail());
  await page.goto(`${site()}?checkout=success`);
  await waiting(page).waitFor();
  await page.reload();
  await planButton(page, "Annual Digital").waitFor();
  await stillWaiting(page).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await planButton(page, "Annual Digital").waitFor();
  expect(await stillWaiting(page).count()).toBe(0);
});

test("a buyer who does not come back has paid all the same", async () => {
  const page = await openPage();
  const email = newEmail();
  const session = await goToStripe(page, { email });
  await control(`sessions/${session}/pay`, { email });
  await control("settled");
  await page.goto(site());
  await included(page).waitFor();
});

test("a refund closes the gate again", async () => {
  const page = await openPage();
  await buy(page, { email: newEmail() });
  await refundLatestPayment();
  await page.reload();
  await planButton(page, "Annual Digital").waitFor();
  expect([await gate(page), await holdings(page).isVisible()]).toEqual(["closed", false]);
});
