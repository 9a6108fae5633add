import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type ListeningStripe, serveLocalStripe } from "../../local-stripe/serve.ts";
import { type Launched, launchBrowser } from "../browser/browser.ts";
import { catalogue, clientOf, payment, secretKey } from "./fixture.ts";

let served: ListeningStripe;
let launched: Launched;
let browser: Browser;
beforeAll(async () => {
  served = await serveLocalStripe({ port: 0, secretKeys: [secretKey], catalogue });
  launched = await launchBrowser();
  if (launched.ok) browser = launched.browser;
});
beforeEach((context) => {
  if (!launched.ok) context.skip(launched.reason);
});
afterAll(async () => {
  if (launched.ok) await browser.close();
  await served.stop();
});

async function open(options: { javaScriptEnabled?: boolean; width?: number } = {}) {
  const { javaScriptEnabled = true, width = 1280 } = options;
  const success_url = `${served.url}/c/pay/{CHECKOUT_SESSION_ID}`;
  const session = await clientOf(served.fetch).checkout.sessions.create({ ...payment, success_url });
  const page = await browser.newPage({ javaScriptEnabled, viewport: { width, height: 800 } });
  const complaints: string[] = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(session.url ?? "");
  return { page, complaints };
}

async function fill(page: Page, number: string) {
  await page.getByLabel("Email").fill("reader@example.com");
  await page.getByLabel("Card number").pressSequentially(number);
  await page.getByLabel("Expiration date").pressSequentially("1234");
  await page.getByLabel("Security code").fill("123");
  await page.getByLabel("Name on card").fill("Ada Reader");
}

test("a buyer's card is declined, another one pays", async () => {
  const { page, complaints } = await open();
  await fill(page, "4000000000000002");
  expect(await page.getByLabel("Card number").inputValue()).toBe("4000 0000 0000 0002");
  expect(await page.getByLabel("Expiration date").inputValue()).toBe("12 / 34");
  expect(complaints).toEqual([]);
  await page.getByRole("button", { name: "Pay £14.99" }).click();
  await page.getByText("Your card was declined.").waitFor();
  expect(await page.evaluate("document.activeElement.name")).toBe("number");
  await fill(page, "4242424242424242");
  await page.getByRole("button", { name: "Pay £14.99" }).click();
  await page.getByRole("heading", { name: "You’re all done here" }).waitFor();
  await page.close();
});

test("without scripts the page pays as well", async () => {
  const { page } = await open({ javaScriptEnabled: false });
  await fill(page, "4242424242424242");
  await page.getByRole("button", { name: "Pay £14.99" }).click();
  await page.getByRole("heading", { name: "You’re all done here" }).waitFor();
  await page.close();
});

test.for([true, false])("a bank debit needs no card, with scripts: %s", async (javaScriptEnabled) => {
  const { page, complaints } = await open({ javaScriptEnabled });
  await page.getByRole("radio", { name: "Bank debit" }).check();
  expect(await page.getByLabel("Card number").isVisible()).toBe(false);
  expect(await page.getByText("4242 4242 4242 4242").isVisible()).toBe(false);
  expect(await page.getByText("stays pending until it settles").isVisible()).toBe(true);
  await page.getByLabel("Email").fill("reader@example.com");
  await page.getByRole("textbox", { name: "Account holder name" }).fill("Ada Reader");
  await page.getByRole("button", { name: "Pay £14.99" }).click();
  await page.getByRole("heading", { name: "You’re all done here" }).waitFor();
  expect(served.sessions()[0]).toMatchObject({ status: "complete", payment_status: "unpaid" });
  expect(complaints).toEqual([]);
  await page.close();
});

test("the method is chosen with the keyboard", async () => {
  const { page } = await open();
  await page.getByRole("radio", { name: "Card" }).focus();
  await page.keyboard.press("ArrowDown");
  expect(await page.getByRole("radio", { name: "Bank debit" }).isChecked()).toBe(true);
  await page.keyboard.press("ArrowUp");
  expect(await page.getByLabel("Card number").isVisible()).toBe(true);
  await page.close();
});

test("on a screen of 360 pixels nothing sticks out", async () => {
  const { page } = await open({ width: 360 });
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
  await page.close();
});
