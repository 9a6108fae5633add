import type { BrowserContext, Page } from "playwright-core";
import Stripe from "stripe";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished } from "vitest";
import { type Launched, launchBrowser } from "./browser.ts";
import { type DemoServer, startDemoServer } from "./demo-server.ts";

let launched: Launched;
let server: DemoServer;

/** One server with its local Stripe and one browser for all tests of the file that calls this. */
export function shareStorefront(): void {
  beforeAll(async () => {
    launched = await launchBrowser();
    if (launched.ok) server = await startDemoServer();
  });
  afterAll(async () => {
    if (!launched.ok) return;
    await launched.browser.close();
    await server.stop();
  });
  beforeEach((ctx) => {
    if (!launched.ok) ctx.skip(launched.reason);
  });
}

/** Where the demo's newspaper is. */
export function site(): string {
  return `${server.dev.url}/demo`;
}

/** What the address of a payment page looks like. */
export function payPages(): string {
  return `${server.dev.stripe.url}/c/pay/**`;
}

/** A page of a browser that knows nothing yet. */
export async function openPage(options: { width?: number; javaScriptEnabled?: boolean } = {}): Promise<Page> {
  if (!launched.ok) throw new Error(launched.reason);
  const { width = 1280, javaScriptEnabled = true } = options;
  const context = await launched.browser.newContext({ viewport: { width, height: 800 }, javaScriptEnabled });
  onTestFinished(() => context.close());
  return openTab(context);
}

/** Another tab of a browser. Scripts that fail and breaches of the page's policy fail the test. */
export async function openTab(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => {
    if (message.text().includes("Content Security Policy")) faults.push(message.text());
  });
  onTestFinished(() => expect(faults).toEqual([]));
  return page;
}

/** A plan's button in the offer. */
export function planButton(page: Page, plan: string) {
  return page.getByRole("button", { name: `Subscribe to ${plan}`, exact: true });
}

/** `open` or `closed`. */
export function gate(page: Page): Promise<string | null> {
  return page.locator("[data-gate]").getAttribute("data-gate");
}

let readers = 0;

/** The address of a reader whom no other test knows: those of one file share a server. */
export function newEmail(): string {
  readers++;
  return `reader-${readers}@example.com`;
}

/** As a visitor: picks a plan, signs up, and is on Stripe's page. Gives the session's id. */
export async function goToStripe(page: Page, { plan = "Annual Digital", email = newEmail() } = {}): Promise<string> {
  await page.goto(site());
  await planButton(page, plan).click();
  await page.getByLabel("E-mail address").fill(email);
  await page.getByRole("button", { name: "Continue to payment" }).click();
  await page.waitForURL(payPages());
  return new URL(page.url()).pathname.split("/").at(-1) ?? "";
}

/** Pays by card on Stripe's page. */
export async function payWith(page: Page, number: string): Promise<void> {
  await page.getByLabel("Card number").fill(number);
  await page.getByLabel("Expiration date").fill("12 / 34");
  await page.getByLabel("Security code").fill("123");
  await page.getByLabel("Name on card").fill("Ada Reader");
  await page.getByRole("button", { name: "Subscribe" }).click();
}

/** Pays by bank debit, which settles later. */
export async function payByBankDebit(page: Page): Promise<void> {
  await page.getByText("Bank debit").click();
  await page.getByLabel("Account holder name").fill("Ada Reader");
  await page.getByRole("button", { name: "Subscribe" }).click();
}

/** Signs in, and is on the story. */
export async function signIn(page: Page, email: string): Promise<void> {
  await page.goto(`${site()}/sign-up`);
  await page.getByLabel("E-mail address").fill(email);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText(email, { exact: true }).waitFor();
}

const secretKey = "sk_test_local";

/** Does to the local Stripe what people, banks and time do (`local-stripe/control-routes.ts`). */
export async function control(path: string, body: object = {}): Promise<void> {
  const answer = await fetch(`${server.dev.stripe.url}/_control/${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${secretKey}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
}

/** The seller gives the money of the latest payment back, and the engine has been told. */
export async function refundLatestPayment(): Promise<void> {
  const { hostname, port } = new URL(server.dev.stripe.url);
  const stripe = new Stripe(secretKey, { protocol: "http", host: hostname, port });
  const { data } = await stripe.charges.list({ limit: 1 });
  await stripe.refunds.create({ charge: data[0]?.id ?? "" });
  await control("settled");
}
