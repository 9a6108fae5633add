import { readFileSync } from "node:fs";
import { serve } from "@hono/node-server";
import type { Page } from "playwright-core";
import * as v from "valibot";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { type Launched, launchBrowser } from "../browser/browser.ts";
import { type DemoServer, startDemoServer } from "../browser/demo-server.ts";
import { eventually } from "./site.ts";

/** Allegro's complete example for one-off purchases, in which only the script's address is another one. */
const example = readFileSync(new URL("allegro-page.txt", import.meta.url), "utf8");

let launched: Launched;
let server: DemoServer;
let site: { url: string; stop(): Promise<void> };
beforeAll(async () => {
  launched = await launchBrowser();
  if (!launched.ok) return;
  [server, site] = await Promise.all([startDemoServer(), startNewspaper()]);
  await sellThePlan();
});
afterAll(async () => {
  if (!launched.ok) return;
  await launched.browser.close();
  await Promise.all([server.stop(), site.stop()]);
});
beforeEach((context) => {
  if (!launched.ok) context.skip(launched.reason);
});

/** Another company's site, on an origin of its own. */
function startNewspaper(): Promise<typeof site> {
  const html = () => example.replace("https://your-allegro-instance.com", server.dev.url);
  const fetch = () => new Response(html(), { headers: { "Content-Type": "text/html; charset=utf-8" } });
  return new Promise((done) => {
    const listening = serve({ fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => {
      const stop = () => new Promise<void>((ended) => listening.close(() => ended()));
      done({ url: `http://127.0.0.1:${port}`, stop });
    });
  });
}

const list = v.array(v.unknown());
const CurrentConfig = v.object({ config: v.looseObject({ plans: list, offers: list, allowedOrigins: list }) });

/** What an operator does once: a plan of the example's name, an offer that sells it, and the site's origin. */
async function sellThePlan(): Promise<void> {
  const path = `${server.dev.url}/api/v1/manage/environments/${server.dev.environmentId}/config`;
  const headers = { Authorization: `Bearer ${server.dev.adminToken}`, "Content-Type": "application/json" };
  const { config } = v.parse(CurrentConfig, await (await fetch(path, { headers })).json());
  const price = { currency: "usd", amountMinor: 999, interval: "month" };
  config.plans.push({ slug: "plan_abc123", name: "Membership", products: ["digital"], duration: "P1M", price });
  config.offers.push({
    slug: "membership",
    name: "Membership",
    method: "stripe-checkout",
    plans: ["plan_abc123"],
    redemption: { accountId: server.dev.stripe.accountId },
  });
  config.allowedOrigins.push(site.url);
  const response = await fetch(path, { method: "PUT", headers, body: JSON.stringify(config) });
  expect(response.status, await response.text()).toBe(200);
}

/** The page in a browser that knows nothing yet, and what it alerts. */
async function openExample(): Promise<{ page: Page; alerts: string[]; faults: string[] }> {
  if (!launched.ok) throw new Error(launched.reason);
  const context = await launched.browser.newContext();
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const alerts: string[] = [];
  const faults: string[] = [];
  page.on("dialog", (dialog) => {
    alerts.push(dialog.message());
    void dialog.accept();
  });
  page.on("pageerror", (error) => faults.push(error.message));
  await page.goto(`${site.url}/story?id=7`);
  return { page, alerts, faults };
}

const join = (page: Page) => page.getByRole("button", { name: "Become a member" });
const welcome = (page: Page) => page.getByText("The whole paper is yours now.");

async function goToStripe(page: Page): Promise<void> {
  await join(page).click();
  await page.waitForURL(`${server.dev.stripe.url}/c/pay/**`);
}

async function pay(page: Page): Promise<void> {
  await page.getByLabel("Email").fill("reader@example.com");
  await page.getByLabel("Card number").fill("4242424242424242");
  await page.getByLabel("Expiration date").fill("12 / 34");
  await page.getByLabel("Security code").fill("123");
  await page.getByLabel("Name on card").fill("Ada Reader");
  await page.getByRole("button", { name: "Subscribe" }).click();
}

test("the example sells: click, pay at Stripe, and the confirmation is shown", async () => {
  const { page, alerts, faults } = await openExample();
  const exchange = page.waitForResponse("**/purchases/exchange");
  await goToStripe(page);
  await pay(page);
  await welcome(page).waitFor();
  expect(await join(page).isVisible()).toBe(false);
  expect(page.url()).toBe(`${site.url}/story?id=7`);
  const { entitlement } = await (await exchange).json();
  expect(entitlement).toMatchObject({ resource: { slug: "digital", name: "Digital Access" }, is_active: true });
  expect(await page.evaluate("[allegro.purchase.validation, allegro.member.hasProduct('digital')]")).toEqual([
    "completed",
    true,
  ]);
  expect({ alerts, faults }).toEqual({ alerts: [], faults: [] });

  await page.reload();
  expect(await page.evaluate("[allegro.purchase.validation, allegro.member.hasProduct('digital')]")).toEqual([
    null,
    true,
  ]);
  const session = "allegro.member.session().then(({ data }) => data.is_authenticated)";
  expect(await page.evaluate(session)).toBe(true);
  const decided =
    "allegro.decide('storefront').then(({ identity, customer }) => [identity.authType, customer.hasProducts])";
  expect(await page.evaluate(decided)).toEqual(["jwt", true]);
  await page.evaluate("allegro.member.logout()");
  expect(await page.evaluate("allegro.member.isIdentified()")).toBe(false);
});

test("the example tells of a checkout that was left, and sells after it", async () => {
  const { page, alerts, faults } = await openExample();
  await goToStripe(page);
  await page.getByRole("link", { name: "Cancel and return" }).click();
  await page.waitForURL(`${site.url}/story?id=7`);
  await eventually(() => alerts).toEqual(["That did not go through. Nothing was paid."]);
  expect(page.url()).toBe(`${site.url}/story?id=7`);
  expect(await page.evaluate("allegro.purchase.validation")).toBe("failed");
  await goToStripe(page);
  await pay(page);
  await welcome(page).waitFor();
  expect({ alerts: alerts.length, faults }).toEqual({ alerts: 1, faults: [] });
});

test("the browser's own way back from Stripe leads to a page that sells", async () => {
  const { page } = await openExample();
  await goToStripe(page);
  await page.goBack();
  await goToStripe(page);
});

test("an offer of a surface is placed and redeemed on another company's page", async () => {
  const { page } = await openExample();
  await page.evaluate("document.body.insertAdjacentHTML('beforeend', '<div id=gate></div>')");
  await page.evaluate("allegro.decide('demo').then(() => void allegro.present())");
  const signUp = page.waitForRequest("https://example.com/sign-up?**");
  await page.route("https://example.com/**", (route) => route.fulfill({ body: "sign up" }));
  await page.getByRole("button", { name: "Subscribe", exact: true }).click();
  expect(new URL((await signUp).url()).searchParams.get("offerToken")).toBeTruthy();
});

test("a script without a key is the demo's in development", async () => {
  expect(await (await fetch(`${server.dev.url}/client.js`)).text()).toContain(JSON.stringify(server.dev.publicKey));
});
