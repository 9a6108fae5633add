import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { Launched } from "../browser/browser.ts";
import { decision } from "./decisions.ts";
import { addPage, eventually, heard, heardNames, openPage, refusal, type Site, tooMany } from "./site.ts";
import { setStage } from "./stage.ts";

let launched: Launched;
let site: Site;
setStage(
  (stage) => {
    ({ launched, site } = stage);
  },
  () => {
    site.files.set("/next", { body: "<!doctype html><title>Next</title>", headers: { "Content-Type": "text/html" } });
  },
);

describe("redeeming", () => {
  const navigate = (url: string) => ({ type: "navigate", properties: {}, url });
  const redeemed = (action: unknown) => ({
    status: "success",
    statusCode: 200,
    eventId: "60f597c9-0448-4133-b3b2-c65d16404766",
    identity: { authType: "anonymous", isAuthenticated: false, identifier: "anon_1", jwtClaims: {} },
    action,
  });
  const tokens = () => site.sent.filter(({ path }) => path === "offer-redemptions").map(({ body }) => body.offerToken);
  const redeem = (page: Page, token = "t") => page.evaluate(`allegro.redeem(${JSON.stringify(token)})`);
  const toNext = () => redeemed(navigate(`${site.url}/next`));
  const arrived = (page: Page) => page.waitForURL(`${site.url}/next`);

  test("goes where the action says, once for one token", async () => {
    const { page } = await openPage(launched);
    site.answers.set("offer-redemptions", toNext);
    const url = addPage(site);
    await page.goto(url);
    await Promise.all([arrived(page), page.evaluate("void [allegro.redeem('t'), allegro.redeem('t')]")]);
    expect(site.sent.map(({ body }) => body)).toEqual([
      { offerToken: "t", http: { url }, identity: { createAnonymousIdentifier: true } },
    ]);
  });

  test("tells of an action that is the page's own", async () => {
    const { page } = await openPage(launched);
    const action = { type: "custom", properties: { open: "dialog" } };
    site.answers.set("offer-redemptions", () => redeemed(action));
    await page.goto(addPage(site));
    expect(await redeem(page)).toEqual({ ok: true, action });
    expect((await heard(page)).at(-1)).toEqual(["scrip:redemption:completed", { action }]);
  });

  test("follows a refusal's action too", async () => {
    const { page } = await openPage(launched);
    site.answers.set("offer-redemptions", () => refusal(401, "redemption_refused", { action: navigate("/next") }));
    await page.goto(addPage(site));
    await Promise.all([arrived(page), page.evaluate("void allegro.redeem('t')")]);
  });

  test.each([
    ["a refusal", () => refusal(409, "already_redeemed"), "already_redeemed", "Refused: already_redeemed", null],
    ["an answer without an action", () => redeemed(null), "network_error", "The answer cannot be read", null],
    [
      "an action of no known kind",
      () => redeemed({ type: "explode" }),
      "network_error",
      "The answer cannot be read",
      null,
    ],
  ])("of %s tells the page", async (_, answer, reason, message, action) => {
    const { page, faults } = await openPage(launched);
    site.answers.set("offer-redemptions", answer);
    await page.goto(addPage(site));
    expect(await redeem(page)).toEqual({ ok: false, reason, message, action });
    expect((await heard(page)).at(-1)).toEqual(["scrip:redemption:failed", { reason, message, action }]);
    expect(faults).toEqual([]);
  });

  test("that comes too often waits as long as it is told, and asks once more", async () => {
    const { page } = await openPage(launched);
    const action = { type: "custom", properties: {} };
    site.answers.set("offer-redemptions", () => (tokens().length === 1 ? tooMany("5") : redeemed(action)));
    await page.clock.install();
    await page.goto(addPage(site));
    const outcome = redeem(page);
    await eventually(() => tokens()).toEqual(["t"]);
    await page.clock.runFor(4_900);
    expect(tokens()).toEqual(["t"]);
    await eventually(async () => {
      await page.clock.runFor(200);
      return tokens();
    }).toEqual(["t", "t"]);
    expect(await outcome).toEqual({ ok: true, action });
  });

  test.each([
    ["for longer than somebody waits", "6", 1],
    ["a second time", "1", 2],
    ["without saying for how long", "soon", 1],
  ])("that is refused as too often %s tells the page", async (_, retryAfter, requests) => {
    const { page } = await openPage(launched);
    site.answers.set("offer-redemptions", () => tooMany(retryAfter));
    await page.goto(addPage(site));
    const failed = { reason: "rate_limited", message: "Refused: rate_limited", action: null };
    expect(await redeem(page)).toEqual({ ok: false, ...failed });
    expect((await heard(page)).at(-1)).toEqual(["scrip:redemption:failed", failed]);
    expect(tokens()).toHaveLength(requests);
  });

  test.each(["javascript:document.title='ran'", "data:text/html,hello", "blob:x", "http://["])(
    "does not go to %s",
    async (url) => {
      const { page, faults } = await openPage(launched);
      site.answers.set("offer-redemptions", () => redeemed(navigate(url)));
      const here = addPage(site);
      await page.goto(here);
      await redeem(page);
      expect([page.url(), await page.title()]).toEqual([here, expect.stringMatching(/^page-/)]);
      expect(faults).toEqual([]);
    },
  );

  test("does not go where a listener prevents it", async () => {
    const { page } = await openPage(launched);
    site.answers.set("offer-redemptions", toNext);
    const url = addPage(site, {
      after: "addEventListener('scrip:redemption:completed', (event) => event.preventDefault());",
    });
    await page.goto(url);
    await redeem(page);
    expect(page.url()).toBe(url);
  });

  const offer = (inner: string) =>
    `<div data-offer='${JSON.stringify({ id: "off_1", token: "of-the-offer", presentation: {} })}'>${inner}</div>`;
  const placed = (inner: string) =>
    site.answers.set("surface-decisions", (sent) =>
      decision(sent, { gate: { selector: "main", content: { append: [{ type: "html", content: offer(inner) }] } } }),
    );
  const present = (page: Page) => page.evaluate("allegro.decide('web').then(() => void allegro.present())");

  test("happens by a click in a placed experience, with the keyboard too", async () => {
    const { page, faults } = await openPage(launched);
    site.answers.set("offer-redemptions", () => redeemed({ type: "custom", properties: {} }));
    placed(
      '<button data-redeem><span>Subscribe</span></button><button data-redeem data-token="of-the-plan">Yearly</button>',
    );
    await page.goto(addPage(site, { body: "<main></main>" }));
    await present(page);
    await page.getByText("Subscribe").click();
    await eventually(tokens).toEqual(["of-the-offer"]);
    await eventually(() => heardNames(page)).toHaveLength(1);
    await page.getByRole("button", { name: "Yearly" }).focus();
    await page.keyboard.press("Enter");
    await eventually(tokens).toEqual(["of-the-offer", "of-the-plan"]);
    expect(faults).toEqual([]);
  });

  test("happens by a click in the page's own markup, instead of following a link", async () => {
    const { page } = await openPage(launched);
    site.answers.set("offer-redemptions", () => redeemed({ type: "custom", properties: {} }));
    const url = addPage(site, {
      body: offer('<a href="/elsewhere" data-redeem>Subscribe</a> <a href="#about">About</a>'),
    });
    await page.goto(url);
    await page.getByText("Subscribe").click();
    await eventually(tokens).toEqual(["of-the-offer"]);
    await page.getByText("About").click();
    expect(page.url()).toBe(`${url}#about`);
    expect(tokens()).toHaveLength(1);
  });

  test("does not happen where it is not for the client to do", async () => {
    const { page, warnings } = await openPage(launched);
    const body = `<button data-redeem data-token="x">No offer</button>${offer("<button>Not marked</button><button data-redeem id='own'>The page's own</button>")}
      <div data-offer="{"><button data-redeem>Broken</button></div>`;
    const after = "document.querySelector('#own').addEventListener('click', (event) => event.preventDefault());";
    await page.goto(addPage(site, { body, after }));
    for (const name of ["No offer", "Not marked", "The page's own", "Broken"])
      await page.getByRole("button", { name }).click();
    expect(site.sent).toEqual([]);
    expect(warnings).toHaveLength(1);
  });

  test("happens once however often it is clicked, and the button is busy meanwhile", async () => {
    const { page } = await openPage(launched);
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    site.answers.set("offer-redemptions", async () => {
      await released;
      return refusal(409, "limit_reached");
    });
    placed('<button data-redeem>Subscribe</button><button data-redeem data-token="b">Yearly</button>');
    await page.goto(addPage(site, { body: "<main></main>" }));
    await present(page);
    const button = page.getByRole("button", { name: "Subscribe" });
    await button.dblclick();
    await page.getByRole("button", { name: "Yearly" }).click();
    expect(await button.getAttribute("aria-busy")).toBe("true");
    release();
    await eventually(() => heardNames(page)).toEqual(["scrip:redemption:failed"]);
    await eventually(() => button.getAttribute("aria-busy")).toBe(null);
    expect(tokens()).toEqual(["of-the-offer"]);
    site.answers.set("offer-redemptions", toNext);
    await Promise.all([arrived(page), button.click()]);
  });

  test("leaves the button ready when the page is brought back", async () => {
    const { page } = await openPage(launched);
    site.answers.set("offer-redemptions", () => redeemed(navigate("/nothing")));
    await page.route("**/nothing", (route) => route.fulfill({ status: 204 }));
    await page.goto(addPage(site, { body: offer("<button data-redeem>Subscribe</button>") }));
    const button = page.getByRole("button");
    await button.click();
    await eventually(() => heardNames(page)).toHaveLength(1);
    await button.click();
    expect([tokens().length, await button.getAttribute("aria-busy")]).toEqual([1, "true"]);
    await page.evaluate("window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))");
    expect(await button.getAttribute("aria-busy")).toBe(null);
    await button.click();
    await eventually(tokens).toHaveLength(2);
  });
});
