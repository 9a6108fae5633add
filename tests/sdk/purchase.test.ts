import type { Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Launched, launchBrowser } from "../browser/browser.ts";
import { addPage, entitlement, exchanged, heard, heardNames, openPage, refusal, type Site, startSite } from "./site.ts";

let launched: Launched;
let site: Site;
beforeAll(async () => {
  [launched, site] = await Promise.all([launchBrowser(), startSite()]);
});
afterAll(async () => {
  if (launched.ok) await launched.browser.close();
  await site.stop();
});
beforeEach((context) => {
  if (!launched.ok) context.skip(launched.reason);
  site.sent.length = 0;
  site.answers.clear();
  site.answers.set("purchases/exchange", () => exchanged());
  site.answers.set("purchases", () => begun());
  site.files.set("/checkout", {
    body: "<!doctype html><title>Checkout</title>",
    headers: { "Content-Type": "text/html" },
  });
});

const visitor = { authType: "anonymous", isAuthenticated: false, identifier: "anon_1", jwtClaims: {} };
const begun = (url = `${site.url}/checkout`) => ({
  status: "success",
  purchaseId: "pur_1",
  url,
  expiresAt: null,
  identity: visitor,
});
const paths = () => site.sent.map(({ path }) => path);
const completed = ["allegro:purchase:completed", { method: "purchase", entitlement, entitlements: [entitlement] }];
const failed = (reason: string) => ["allegro:purchase:failed", { reason }];
const outcome = (page: Page) => expect.poll(async () => (await heard(page)).filter(([name]) => /purchase/.test(name)));

describe("coming back with a token", () => {
  test("signs in, tells the page, and cleans the address", async () => {
    const { page, faults, warnings } = await openPage(launched);
    const url = addPage(site);
    await page.goto(`${url}?from=a%20b&allegro_purchase_token=ptk_1&flag#part`);
    await outcome(page).toEqual([completed]);
    expect(await heardNames(page)).toEqual(["allegro:authenticated", "allegro:purchase:completed"]);
    expect((await heard(page))[0]).toEqual(["allegro:ready", null]);
    expect(site.sent[0]?.body).toEqual({ token: "ptk_1" });
    expect(page.url()).toBe(`${url}?from=a%20b&flag#part`);
    expect(
      await page.evaluate("[allegro.purchase.validation, allegro.member.isAuthenticated(), history.length]"),
    ).toEqual(["completed", true, 2]);
    expect({ faults, warnings }).toEqual({ faults: [], warnings: [] });
  });

  test("happens once: a reload finds the member signed in and exchanges nothing", async () => {
    const { page } = await openPage(launched);
    await page.goto(`${addPage(site)}?allegro_purchase_token=ptk_1`);
    await outcome(page).toEqual([completed]);
    await page.reload();
    await expect.poll(() => heard(page)).toEqual([["allegro:ready", null]]);
    expect(await page.evaluate("[allegro.purchase.validation, allegro.member.hasProduct('digital')]")).toEqual([
      null,
      true,
    ]);
    expect(paths()).toEqual(["purchases/exchange"]);
  });

  test("leaves the state of the history as a page's router made it", async () => {
    const { page } = await openPage(launched);
    const before = "history.replaceState({ route: 7 }, '');";
    await page.goto(`${addPage(site, { before })}?allegro_purchase_token=ptk_1`);
    expect(await page.evaluate("[history.state, location.search]")).toEqual([{ route: 7 }, ""]);
  });

  test.each(["", "async", "defer"])("is heard by scripts that come long after the answer (%s)", async (script) => {
    const { page } = await openPage(launched);
    const body = '<script src="/slow-a.js"></script><script defer src="/slow-b.js"></script>';
    await page.goto(`${addPage(site, { script, body })}?allegro_purchase_token=ptk_1`);
    await outcome(page).toEqual([completed]);
  });

  test("of a member who is signed in upgrades the session without another sign-in", async () => {
    const { page } = await openPage(launched);
    const url = addPage(site);
    await page.goto(`${url}?allegro_purchase_token=ptk_1`);
    await outcome(page).toEqual([completed]);
    await page.goto(`${url}?allegro_purchase_token=ptk_2`);
    await outcome(page).toEqual([completed]);
    expect(await heardNames(page)).toEqual(["allegro:purchase:completed"]);
  });

  test("of a plan that grants nothing says so", async () => {
    const { page } = await openPage(launched);
    site.answers.set("purchases/exchange", () => ({ ...exchanged(), entitlement: null, entitlements: [] }));
    await page.goto(`${addPage(site)}?allegro_purchase_token=ptk_1`);
    await outcome(page).toEqual([
      ["allegro:purchase:completed", { method: "purchase", entitlement: null, entitlements: [] }],
    ]);
  });

  test("that the server refuses fails with its word, and is not asked again", async () => {
    const { page, faults } = await openPage(launched);
    site.answers.set("purchases/exchange", () => refusal(400, "purchase_token_invalid"));
    await page.goto(`${addPage(site)}?allegro_purchase_token=ptk_old`);
    await outcome(page).toEqual([failed("purchase_token_invalid")]);
    expect(await page.evaluate("[allegro.purchase.validation, allegro.member.isIdentified()]")).toEqual([
      "failed",
      false,
    ]);
    await page.reload();
    await expect.poll(() => heard(page)).toEqual([["allegro:ready", null]]);
    expect(paths()).toEqual(["purchases/exchange"]);
    expect(faults).toEqual([]);
  });

  test("is tried again while the server cannot answer", async () => {
    const { page } = await openPage(launched);
    await page.clock.install();
    const answers = [refusal(503, "storage_unavailable"), new Response("<h1>Bad gateway</h1>", { status: 502 })];
    site.answers.set("purchases/exchange", () => answers.shift() ?? exchanged());
    await page.goto(`${addPage(site)}?allegro_purchase_token=ptk_1`);
    await expect.poll(paths).toHaveLength(1);
    await page.clock.runFor(1_000);
    await expect.poll(paths).toHaveLength(2);
    await page.clock.runFor(3_000);
    await outcome(page).toEqual([completed]);
  });

  test("that nobody answers fails at last, and is taken up by the next load of the tab", async () => {
    const { page } = await openPage(launched);
    await page.clock.install();
    site.answers.set("purchases/exchange", () => refusal(503, "storage_unavailable"));
    const url = addPage(site);
    await page.goto(`${url}?allegro_purchase_token=ptk_1`);
    for (let tries = 1; tries <= 4; tries++) {
      await expect.poll(paths).toHaveLength(tries);
      await page.clock.runFor(6_000);
    }
    await outcome(page).toEqual([failed("exchange_failed")]);
    site.answers.set("purchases/exchange", () => exchanged());
    await page.goto(url);
    await outcome(page).toEqual([completed]);
    await page.reload();
    await expect.poll(() => heard(page)).toEqual([["allegro:ready", null]]);
    expect(paths()).toHaveLength(5);
  });

  test("cut short by a reload is taken up, and a token that was used by then is no failure", async () => {
    const { page, warnings } = await openPage(launched);
    site.answers.set("purchases/exchange", () => new Promise(() => undefined));
    await page.goto(`${addPage(site)}?allegro_purchase_token=ptk_1`);
    await expect.poll(paths).toHaveLength(1);
    site.answers.set("purchases/exchange", () => refusal(400, "purchase_token_invalid"));
    await page.reload();
    await expect.poll(paths).toHaveLength(2);
    await expect.poll(() => page.evaluate("sessionStorage.length")).toBe(0);
    expect(await heard(page)).toEqual([["allegro:ready", null]]);
    expect(warnings).toEqual([]);
  });

  test("whose answer is lost and whose token is used then is not called unpaid by the server's word", async () => {
    const { page } = await openPage(launched);
    await page.clock.install();
    const answers = [new Response("", { status: 200 })];
    site.answers.set("purchases/exchange", () => answers.shift() ?? refusal(400, "purchase_token_invalid"));
    await page.goto(`${addPage(site)}?allegro_purchase_token=ptk_1`);
    await expect.poll(paths).toHaveLength(1);
    await page.clock.runFor(1_000);
    await outcome(page).toEqual([failed("exchange_failed")]);
  });

  test.each([
    ["no JWT", { ...exchanged(), jwt: "garbage" }],
    ["no refresh token", { ...exchanged(), refreshToken: null }],
    ["nothing", { status: "success" }],
  ])("answered with %s fails and signs nobody in", async (_, answer) => {
    const { page, faults } = await openPage(launched);
    site.answers.set("purchases/exchange", () => answer);
    await page.goto(`${addPage(site)}?allegro_purchase_token=ptk_1`);
    await outcome(page).toEqual([failed("exchange_failed")]);
    expect(await page.evaluate("allegro.member.isIdentified()")).toBe(false);
    expect(faults).toEqual([]);
  });

  test("by hand gives what the event has, or null", async () => {
    const { page } = await openPage(launched);
    await page.goto(addPage(site));
    expect(
      await page.evaluate("Promise.all([allegro.purchase.exchangeToken('a'), allegro.purchase.exchangeToken('a')])"),
    ).toEqual([completed[1], completed[1]]);
    site.answers.set("purchases/exchange", () => refusal(400, "purchase_token_invalid"));
    expect(await page.evaluate("allegro.purchase.exchangeToken('b')")).toBe(null);
    expect(paths()).toHaveLength(2);
  });
});

describe("coming back without a token", () => {
  test.each([
    ["payment_failed", "payment_failed"],
    ["session_expired", "session_expired"],
    ["%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E", "payment_failed"],
  ])("with the error %s tells the page that it failed, with the reason %s", async (given, reason) => {
    const { page } = await openPage(launched);
    const url = addPage(site);
    await page.goto(`${url}?a=1&allegro_purchase_error=${given}`);
    await outcome(page).toEqual([failed(reason)]);
    expect([page.url(), await page.evaluate("allegro.purchase.validation")]).toEqual([`${url}?a=1`, "failed"]);
    expect(paths()).toEqual([]);
  });

  test("because the payment settles later tells the page that it is pending", async () => {
    const { page } = await openPage(launched);
    const url = addPage(site);
    await page.goto(`${url}?allegro_purchase_pending=1`);
    await outcome(page).toEqual([["scrip:purchase:pending", null]]);
    expect([page.url(), await page.evaluate("allegro.purchase.validation")]).toEqual([url, null]);
  });
});

describe("initiate", () => {
  const initiate = (page: Page, args = "'monthly'") => page.evaluate(`allegro.purchase.initiate(${args})`);
  const arrived = (page: Page) => page.waitForURL(`${site.url}/checkout`);

  test("goes to the checkout and asks to come back to this page, without what an earlier return left", async () => {
    const { page, faults } = await openPage(launched);
    const url = addPage(site, {
      policy: `default-src 'none'; script-src 'self' ${site.serverUrl}; connect-src ${site.serverUrl}`,
    });
    await page.goto(`${url}?a=1&allegro_purchase_error=payment_failed#part`);
    await Promise.all([arrived(page), initiate(page)]);
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
  ])("fails when %s, and can be tried again", async (_, answer, reason) => {
    const { page, faults } = await openPage(launched);
    site.answers.set("purchases", answer);
    const url = addPage(site);
    await page.goto(url);
    await initiate(page);
    await outcome(page).toEqual([failed(reason)]);
    expect([page.url(), await page.evaluate("allegro.purchase.validation")]).toEqual([url, null]);
    site.answers.set("purchases", () => begun());
    await Promise.all([arrived(page), initiate(page)]);
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
