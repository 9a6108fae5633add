import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { Launched } from "../browser/browser.ts";
import { addPage, eventually, heard, heardNames, openPage, refusal, type Site } from "./site.ts";
import { setStage } from "./stage.ts";

let launched: Launched;
let site: Site;
setStage(
  (stage) => {
    ({ launched, site } = stage);
  },
  () => {
    site.answers.set("purchases", () => begun());
    site.files.set("/checkout", {
      body: "<!doctype html><title>Checkout</title>",
      headers: { "Content-Type": "text/html" },
    });
  },
);

const visitor = { authType: "anonymous", isAuthenticated: false, identifier: "anon_1", jwtClaims: {} };
const begun = (url = `${site.url}/checkout`) => ({
  status: "success",
  purchaseId: "pur_1",
  url,
  expiresAt: null,
  identity: visitor,
});
const paths = () => site.sent.map(({ path }) => path);
const failed = (reason: string) => ["allegro:purchase:failed", { reason }];
const outcome = (page: Page) => eventually(async () => (await heard(page)).filter(([name]) => /purchase/.test(name)));

describe("initiate", () => {
  const initiate = (page: Page, args = "'monthly'") => page.evaluate(`allegro.purchase.initiate(${args})`);
  const arrived = (page: Page) => page.waitForURL(`${site.url}/checkout`);
  // without waiting for the promise, which the page that is left takes with it
  const leave = (page: Page) =>
    Promise.all([arrived(page), page.evaluate("void allegro.purchase.initiate('monthly')")]);

  test("goes to the checkout and asks to come back to this page, without what an earlier return left", async () => {
    const { page, faults } = await openPage(launched);
    const url = addPage(site, {
      policy: `default-src 'none'; script-src 'self' ${site.serverUrl}; connect-src ${site.serverUrl}`,
    });
    await page.goto(`${url}?a=1&allegro_purchase_error=payment_failed#part`);
    await leave(page);
    expect(site.sent[0]?.body).toEqual({
      planId: "monthly",
      returnUrl: `${url}?a=1#part`,
      identity: { createAnonymousIdentifier: true },
    });
    expect(faults).toEqual([]);
  });

  test.each([
    ["'https://example.com/thanks?x=1'", "https://example.com/thanks?x=1"],
    ["'/thanks'", "/thanks"],
    ["'http://['", "http://["],
  ])("takes the address to come back to: %s", async (given, expected) => {
    const { page } = await openPage(launched);
    site.answers.set("purchases", () => refusal(403, "return_url_not_allowed"));
    await page.goto(addPage(site));
    await initiate(page, `'monthly', ${given}`);
    expect(site.sent[0]?.body.returnUrl).toBe(expected.startsWith("/") ? `${site.url}${expected}` : expected);
    await outcome(page).toEqual([failed("return_url_not_allowed")]);
  });

  test("of a double click begins one purchase", async () => {
    const { page } = await openPage(launched);
    const body = "<button>Subscribe</button>";
    const after =
      "document.querySelector('button').onclick = () => allegro.push((a) => a.purchase.initiate('monthly'));";
    await page.goto(addPage(site, { body, after }));
    await Promise.all([arrived(page), page.getByRole("button").dblclick()]);
    expect(paths()).toEqual(["purchases"]);
  });

  test.each([
    ["the server refuses", () => refusal(404, "plan_not_found"), "plan_not_found"],
    ["something in between answers", () => new Response("<h1>Sign in to the Wi-Fi</h1>"), "network_error"],
    ["the answer has no address", () => ({ status: "success" }), "checkout_unreachable"],
    ["the address is a script", () => begun("javascript:alert(1)"), "checkout_unreachable"],
  ])("fails when %s, tells the developer, and can be tried again", async (_, answer, reason) => {
    const { page, faults, warnings } = await openPage(launched);
    site.answers.set("purchases", answer);
    const url = addPage(site);
    await page.goto(url);
    await initiate(page);
    await outcome(page).toEqual([failed(reason)]);
    expect(warnings).toEqual([expect.stringContaining(`scrip: the purchase of monthly did not begin: ${reason}`)]);
    expect([page.url(), await page.evaluate("allegro.purchase.validation")]).toEqual([url, null]);
    site.answers.set("purchases", () => begun());
    await leave(page);
    expect(faults).toEqual([]);
  });

  test("fails when the network does", async () => {
    const { page, faults } = await openPage(launched);
    await page.goto(addPage(site));
    await page.route("**/api/v1/**", (route) => route.abort());
    await initiate(page);
    await outcome(page).toEqual([failed("network_error")]);
    expect(faults).toEqual([]);
  });

  test("works again when the buyer comes back by the browser's own button", async () => {
    const { page } = await openPage(launched);
    await page.goto(addPage(site));
    await page.clock.install();
    // the checkout opens nowhere: the page stays as one that is brought back from the cache stays
    site.answers.set("purchases", () => begun(`${site.url}/nothing`));
    await page.route("**/nothing", (route) => route.fulfill({ status: 204 }));
    await initiate(page);
    await initiate(page);
    expect(paths()).toHaveLength(1);
    await page.evaluate("window.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))");
    await page.evaluate("window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))");
    await initiate(page);
    expect(paths()).toHaveLength(2);
    await page.clock.runFor(10_000);
    await initiate(page);
    expect(paths()).toHaveLength(3);
    expect(await heardNames(page)).toEqual([]);
  });

  test("says nothing of a request that was cut off because the buyer left", async () => {
    const { page } = await openPage(launched);
    await page.goto(addPage(site));
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    await page.route("**/api/v1/purchases", async (route) => {
      await released;
      await route.abort();
    });
    const done = initiate(page);
    await page.evaluate("window.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))");
    release();
    await done;
    expect(await heardNames(page)).toEqual([]);
  });
});
