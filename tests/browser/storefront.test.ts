import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { readerCookie } from "../../demo/site.ts";
import {
  gate,
  goToStripe,
  newEmail,
  openPage,
  payPages,
  payWith,
  planButton,
  shareStorefront,
  signIn,
  site,
} from "./storefront.ts";

shareStorefront();

const lastWords = (page: Page) => page.getByText("the ferry was running");

test("a visitor picks a plan, signs up, pays, and comes back to the whole story", async () => {
  const page = await openPage();
  await page.goto(site());
  for (const [plan, price] of Object.entries({ "Monthly Digital": "$9.99", "Annual Digital + Print": "$149" })) {
    await page
      .getByRole("listitem")
      .filter({ has: planButton(page, plan) })
      .getByText(price)
      .waitFor();
  }
  expect(await page.getByText("That is $8.25 a month").isVisible()).toBe(true);
  await planButton(page, "Annual Digital").click();
  await page.getByRole("heading", { name: "First, who is it for?" }).waitFor();
  await page.getByLabel("E-mail address").fill("reader@example.com");
  await page.getByRole("button", { name: "Continue to payment" }).click();

  await page.waitForURL(payPages());
  expect(await page.getByLabel("Email").inputValue()).toBe("reader@example.com");
  await page.getByText("Subscribe to Annual Digital").waitFor();
  await payWith(page, "4242424242424242");

  await page.getByRole("heading", { name: "Thank you. The story is yours." }).waitFor();
  expect(page.url()).toBe(site());
  expect(await gate(page)).toBe("open");
  expect(await planButton(page, "Annual Digital").count()).toBe(0);
  await page.getByText("reader@example.com", { exact: true }).waitFor();
  await page.getByText("Behind the scenes").click();
  const redemption = page.locator("[data-exchange=redemption]");
  await redemption.getByText("jwt · reader@example.com").waitFor();
  await page.locator("[data-exchange=decision]").getByText("none").waitFor();
  await page.locator("[data-exchange=access]").getByText("digital: true").waitFor();
});

test("a declined card leaves the buyer on Stripe's page, and another one pays", async () => {
  const page = await openPage();
  await goToStripe(page);
  await payWith(page, "4000000000000002");
  await page.getByText("Your card was declined.").waitFor();
  expect(page.url()).toContain("/c/pay/");
  await payWith(page, "4242424242424242");
  await page.getByRole("heading", { name: "Thank you. The story is yours." }).waitFor();
});

test("a cancelled checkout comes back with a gentle word and the offer", async () => {
  const page = await openPage();
  await goToStripe(page, { plan: "Monthly Digital" });
  await page.getByRole("link", { name: "Cancel and return" }).click();
  await page.getByRole("heading", { name: "No harm done." }).waitFor();
  await page.getByText("nothing was charged").waitFor();
  await page.waitForURL(site());
  await planButton(page, "Monthly Digital").click();
  await page.waitForURL(payPages());
});

test("the browser's own way back from Stripe leads to the form and not forward again", async () => {
  const page = await openPage();
  await goToStripe(page);
  await page.goBack();
  await page.getByRole("button", { name: "Continue to payment" }).waitFor();
});

test("a reader who is signed in goes straight to Stripe, until signing out", async () => {
  const page = await openPage();
  await signIn(page, "ines@hollin.example");
  await planButton(page, "Annual Digital").click();
  await page.waitForURL(payPages());
  expect(await page.getByLabel("Email").inputValue()).toBe("ines@hollin.example");
  await page.goto(site());
  await page.getByRole("button", { name: "Sign out" }).click();
  await planButton(page, "Annual Digital").click();
  await page.getByLabel("E-mail address").waitFor();
});

test("whoever is signed in is named on the sign-up page, until signing out", async () => {
  const page = await openPage();
  await page.goto(`${site()}/sign-up`);
  await page.getByRole("link", { name: "Sign in" }).waitFor();
  expect(await page.getByText("You are signed in as").isVisible()).toBe(false);
  await signIn(page, "ines@hollin.example");
  await page.goto(`${site()}/sign-up`);
  await page.getByText("You are signed in as ines@hollin.example.").waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await planButton(page, "Annual Digital").waitFor();
  await page.goto(`${site()}/sign-up`);
  await page.getByRole("link", { name: "Sign in" }).waitFor();
  expect(await page.getByText("You are signed in as").isVisible()).toBe(false);
});

test.each([390, 320])("on a screen of %i pixels the whole address of a reader is there", async (width) => {
  const page = await openPage({ width });
  const email = "reader-narrow-screen-of-the-north@hollin-isle.example";
  await signIn(page, email);
  const cut =
    "(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)(document.querySelector('[data-reader-name]'))";
  expect(await page.evaluate(cut)).toBe(false);
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
  const line = await page.getByText(email, { exact: true }).boundingBox();
  const button = await page.getByRole("button", { name: "Sign out" }).boundingBox();
  expect(line?.y).toBeGreaterThanOrEqual((button?.y ?? 0) + (button?.height ?? 0));
});

test("a visitor stays the same one from page to page", async () => {
  const page = await openPage();
  const identifiers: string[] = [];
  for (let visit = 0; visit < 2; visit++) {
    const answer = page.waitForResponse("**/surface-decisions");
    await page.goto(site());
    identifiers.push((await (await answer).json()).identity.identifier);
    await planButton(page, "Annual Digital").waitFor();
  }
  expect(identifiers[0]).toMatch(/^anon_/);
  expect(identifiers[1]).toBe(identifiers[0]);
});

test("a JWT that is no good makes a visitor", async () => {
  const page = await openPage();
  await page.context().addCookies([{ name: readerCookie, value: "stale", domain: "127.0.0.1", path: "/demo" }]);
  await page.goto(site());
  await planButton(page, "Annual Digital").click();
  await page.getByLabel("E-mail address").waitFor();
  await page.getByRole("link", { name: "Sign in" }).waitFor();
});

test.each([
  ["is not answered", 0],
  ["fails", 500],
])("the whole story can be read when the decision %s", async (_, status) => {
  const page = await openPage();
  await page.route("**/surface-decisions", (route) =>
    status === 0 ? route.abort() : route.fulfill({ status, json: { status: "error", statusCode: status } }),
  );
  await page.goto(site());
  await page.getByText("so this story is on us").waitFor();
  await lastWords(page).scrollIntoViewIfNeeded();
  expect(await gate(page)).toBe("open");
  expect(await planButton(page, "Annual Digital").count()).toBe(0);
});

test("the whole story can be read where no script runs", async () => {
  const page = await openPage({ javaScriptEnabled: false });
  await page.goto(site());
  const text = await page.locator(".story-text").boundingBox();
  const end = await lastWords(page).boundingBox();
  expect((end?.y ?? 0) + (end?.height ?? 0)).toBeLessThanOrEqual((text?.y ?? 0) + (text?.height ?? 0));
});

test("a redemption that fails says so beside the button, which can be pressed again", async () => {
  const page = await openPage();
  const answers = [
    { status: 531, json: { status: "error", statusCode: 531, code: "workflow_error", message: "Workflow error" } },
    { status: 410, json: { status: "error", statusCode: 410, code: "token_expired", message: "…" } },
  ];
  await page.route("**/offer-redemptions", (route) => {
    const answer = answers.shift();
    return answer === undefined ? route.continue() : route.fulfill(answer);
  });
  await page.goto(site());
  await planButton(page, "Monthly Digital").click();
  await page.getByRole("alert").getByText("Something went wrong at our end").waitFor();
  await planButton(page, "Monthly Digital").click();
  await page.getByRole("alert").getByText("This offer ran out").waitFor();
  expect(await page.getByRole("alert").count()).toBe(1);
  await planButton(page, "Monthly Digital").click();
  await page.getByLabel("E-mail address").waitFor();
});

test("a button that is pressed twice redeems once and shows that it is at work", async () => {
  const page = await openPage();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  let requests = 0;
  await page.route("**/offer-redemptions", async (route) => {
    requests++;
    await released;
    await route.continue();
  });
  await page.goto(site());
  await planButton(page, "Annual Digital").dblclick();
  const busy = page.getByRole("button", { name: "One moment…" });
  expect(await busy.getAttribute("aria-busy")).toBe("true");
  await planButton(page, "Monthly Digital").click();
  release();
  await page.getByLabel("E-mail address").waitFor();
  expect(requests).toBe(1);
});

async function goToCheckout(page: Page, offerToken: string): Promise<void> {
  await page.goto(`${site()}/sign-up?${new URLSearchParams({ offerToken })}`);
  await page.getByLabel("E-mail address").fill(newEmail());
  await page.getByRole("button", { name: "Continue to payment" }).click();
}

test("a checkout that the engine does not answer can be tried again", async () => {
  const page = await openPage();
  await page.route("**/offer-redemptions", (route) => route.abort());
  await goToCheckout(page, "a.b.c");
  await page.getByRole("alert").getByText("We could not reach the subscriptions desk").waitFor();
  const again = page.waitForRequest("**/offer-redemptions");
  await page.getByRole("button", { name: "Try again" }).click();
  await again;
});

test("a checkout with a token that cannot be read leads back to the story", async () => {
  const page = await openPage();
  await goToCheckout(page, "a.b.c");
  await page.getByRole("alert").getByRole("link", { name: "Choose it again in the story" }).click();
  await planButton(page, "Annual Digital").waitFor();
  expect(page.url()).toBe(site());
});

const narrow = ["", "/sign-up?offerToken=x", "?checkout=success", "?allegro_purchase_pending=1", "?checkout=cancelled"];

test.each(narrow)("nothing is wider than a screen of 360 pixels at /demo%s", async (path) => {
  const page = await openPage({ width: 360 });
  await page.goto(`${site()}${path}`);
  await page.locator("[data-reader=anonymous]").waitFor();
  if (path === "" || path.includes("cancelled")) await planButton(page, "Annual Digital").waitFor();
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
});
