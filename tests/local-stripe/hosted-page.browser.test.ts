import type { Browser, Page } from "playwright-core";
import * as v from "valibot";
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

async function open(options: { javaScriptEnabled?: boolean; width?: number; colorScheme?: "light" | "dark" } = {}) {
  const { javaScriptEnabled = true, width = 1280, colorScheme = "light" } = options;
  const success_url = `${served.url}/c/pay/{CHECKOUT_SESSION_ID}`;
  const session = await clientOf(served.fetch).checkout.sessions.create({ ...payment, success_url });
  const page = await browser.newPage({ javaScriptEnabled, colorScheme, viewport: { width, height: 800 } });
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

test.for([true, false])("a decline goes when another method is chosen, with scripts: %s", async (javaScriptEnabled) => {
  const { page } = await open({ javaScriptEnabled });
  await fill(page, "4000000000000002");
  await page.getByRole("button", { name: "Pay £14.99" }).click();
  await page.getByText("Your card was declined.").waitFor();
  await page.getByRole("radio", { name: "Bank debit" }).check();
  expect(await page.getByText("Your card was declined.").isVisible()).toBe(false);
  await page.getByRole("radio", { name: "Card" }).check();
  expect(await page.getByText("Your card was declined.").isVisible()).toBe(!javaScriptEnabled);
  await page.close();
});

const Shown = v.object({ outline: v.string(), width: v.string(), behind: v.string(), corners: v.string() });

/** What a reader sees of the focus at an element, which for a radio button is its label. */
async function shownAt(page: Page, selector: string) {
  const look = `(() => {
    const element = document.querySelector(${JSON.stringify(selector)});
    const { outlineColor, outlineWidth, borderRadius } = getComputedStyle(element.closest(".methods label") ?? element);
    const behind = getComputedStyle(element.closest(".side") ?? document.body).backgroundColor;
    return { outline: outlineColor, width: outlineWidth, behind, corners: borderRadius };
  })()`;
  return v.parse(Shown, await page.evaluate(look));
}

/** WCAG 2.2, "relative luminance" of an opaque \`rgb(…)\`. */
function luminance(color: string): number {
  const [, ...parts] = /^rgb\((\d+), (\d+), (\d+)\)$/.exec(color) ?? [];
  const [red = Number.NaN, green = Number.NaN, blue = Number.NaN] = parts
    .map((part) => Number(part) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

const focusable = ["a.back", "#email", "[value=card]", "[name=number]", "button", ".legal a"];

test.for(["light", "dark"] as const)("the focus is seen everywhere and changes no corners: %s", async (colorScheme) => {
  const { page } = await open({ colorScheme });
  for (const selector of focusable) {
    const { corners } = await shownAt(page, selector);
    await page.locator(selector).focus();
    // only a key makes the browser show the focus of what is not typed into
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.matches(':focus-visible')")).toBe(true);
    const shown = await shownAt(page, selector);
    expect([selector, shown.width, shown.corners]).toEqual([selector, "2px", corners]);
    expect(contrast(shown.outline, shown.behind), selector).toBeGreaterThanOrEqual(3);
  }
  await page.close();
});

test("on a screen of 360 pixels nothing sticks out", async () => {
  const { page } = await open({ width: 360 });
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
  await page.close();
});
