// Past 250 lines: one matter, what a page hears when a buyer comes back.
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { Launched } from "../browser/browser.ts";
import {
  addPage,
  entitlement,
  eventually,
  exchanged,
  heard,
  heardNames,
  memberJwt,
  openPage,
  refusal,
  type Site,
  session,
  tooMany,
} from "./site.ts";
import { setStage } from "./stage.ts";

let launched: Launched;
let site: Site;
setStage(
  (stage) => {
    ({ launched, site } = stage);
  },
  () => {
    site.answers.set("purchases/exchange", () => exchanged());
  },
);

const paths = () => site.sent.map(({ path }) => path);
const completed = ["allegro:purchase:completed", { method: "purchase", entitlement, entitlements: [entitlement] }];
const failed = (reason: string) => ["allegro:purchase:failed", { reason }];
/** Lets the page's clock run until so many requests were made. */
const later = (page: Page, requests: number) =>
  eventually(async () => {
    await page.clock.runFor(1_000);
    return paths().length;
  }).toBe(requests);
const outcome = (page: Page) => eventually(async () => (await heard(page)).filter(([name]) => /purchase/.test(name)));

const subOf = (page: Page) => page.evaluate(() => Reflect.get(globalThis, "scrip").member.sessionFromJwt()?.sub);

describe("coming back with a token", () => {
  test("signs in, tells the page, and cleans the address", async () => {
    const { page, faults, warnings } = await openPage(launched);
    const url = addPage(site);
    await page.goto(`${url}?from=a%20b&allegro_purchase_token=ptk_1&flag#part`);
    await outcome(page).toEqual([completed]);
    expect(await heardNames(page)).toEqual(["allegro:authenticated", "allegro:purchase:completed"]);
    expect((await heard(page))[0]).toEqual(["allegro:ready", null]);
    expect(site.sent[0]?.body).toEqual({
      token: "ptk_1",
      nonce: expect.stringMatching(/^[\da-f]{1,2}(?:-[\da-f]{1,2}){15}$/),
    });
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
    await eventually(() => heard(page)).toEqual([["allegro:ready", null]]);
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

  test("by a link that somebody else made leaves the member who is here signed in", async () => {
    const { page } = await openPage(launched);
    const url = addPage(site);
    await page.goto(`${url}?allegro_purchase_token=ptk_1`);
    await outcome(page).toEqual([completed]);
    const stranger = () => exchanged(session(memberJwt({ sub: "stranger" }), "refresh_2"));
    site.answers.set("purchases/exchange", stranger);
    await page.goto(`${url}?allegro_purchase_token=ptk_2`);
    await outcome(page).toEqual([completed]);
    expect(await subOf(page)).toBe("reader-1");
    // who left this browser for a checkout comes back as whoever paid
    await page.evaluate(() => localStorage.setItem("scrip:env_preview:checkout", "1"));
    await page.goto(`${url}?allegro_purchase_token=ptk_3`);
    await outcome(page).toEqual([completed]);
    expect(await subOf(page)).toBe("stranger");
    await page.goto(`${url}?allegro_purchase_token=ptk_4`);
    await outcome(page).toEqual([completed]);
    expect(await page.evaluate(() => localStorage.getItem("scrip:env_preview:checkout"))).toBe(null);
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
    await eventually(() => heard(page)).toEqual([["allegro:ready", null]]);
    expect(paths()).toEqual(["purchases/exchange"]);
    expect(faults).toEqual([]);
  });

  test("is tried again while the server cannot answer", async () => {
    const { page } = await openPage(launched);
    await page.clock.install();
    const answers = [refusal(503, "storage_unavailable"), new Response("<h1>Bad gateway</h1>", { status: 502 })];
    site.answers.set("purchases/exchange", () => answers.shift() ?? exchanged());
    await page.goto(`${addPage(site)}?allegro_purchase_token=ptk_1`);
    await eventually(paths).toHaveLength(1);
    await page.clock.runFor(900);
    expect(paths()).toHaveLength(1);
    await later(page, 2);
    await later(page, 3);
    await outcome(page).toEqual([completed]);
  });

  test("is tried again when the server says, where it has too many requests", async () => {
    const { page } = await openPage(launched);
    await page.clock.install();
    const answers = [tooMany("40")];
    site.answers.set("purchases/exchange", () => answers.shift() ?? exchanged());
    await page.goto(`${addPage(site)}?allegro_purchase_token=ptk_1`);
    await eventually(paths).toHaveLength(1);
    await page.clock.runFor(39_000);
    expect(paths()).toHaveLength(1);
    await later(page, 2);
    await outcome(page).toEqual([completed]);
  });

  test("that nobody answers fails at last, and is taken up by the next load of the tab", async () => {
    const { page } = await openPage(launched);
    await page.clock.install();
    site.answers.set("purchases/exchange", () => refusal(503, "storage_unavailable"));
    const url = addPage(site);
    await page.goto(`${url}?allegro_purchase_token=ptk_1`);
    await later(page, 4);
    await outcome(page).toEqual([failed("exchange_failed")]);
    site.answers.set("purchases/exchange", () => exchanged());
    await page.goto(url);
    await outcome(page).toEqual([completed]);
    await page.reload();
    await eventually(() => heard(page)).toEqual([["allegro:ready", null]]);
    expect(paths()).toHaveLength(5);
    // the same word each time, after the load too: with it the server takes the token again
    expect(new Set(site.sent.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  });

  test("cut short by a reload is taken up, and a token that was used by then is no failure", async () => {
    const { page, warnings } = await openPage(launched);
    site.answers.set("purchases/exchange", () => new Promise(() => undefined));
    await page.goto(`${addPage(site)}?allegro_purchase_token=ptk_1`);
    await eventually(paths).toHaveLength(1);
    site.answers.set("purchases/exchange", () => refusal(400, "purchase_token_invalid"));
    await page.reload();
    await eventually(paths).toHaveLength(2);
    await eventually(() => page.evaluate("sessionStorage.length")).toBe(0);
    expect(await heard(page)).toEqual([["allegro:ready", null]]);
    expect(warnings).toEqual([]);
  });

  test("whose answer is lost and whose token is used then is not called unpaid by the server's word", async () => {
    const { page } = await openPage(launched);
    await page.clock.install();
    const answers = [new Response("", { status: 200 })];
    site.answers.set("purchases/exchange", () => answers.shift() ?? refusal(400, "purchase_token_invalid"));
    await page.goto(`${addPage(site)}?allegro_purchase_token=ptk_1`);
    await later(page, 2);
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
