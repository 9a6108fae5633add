import { describe, expect, test } from "vitest";
import type { Launched } from "../browser/browser.ts";
import { refreshes, signedIn, state } from "./members.ts";
import { addPage, eventually, heard, heardNames, memberJwt, openPage, type Site, session } from "./site.ts";
import { setStage } from "./stage.ts";

let launched: Launched;
let site: Site;
setStage(
  (stage) => {
    ({ launched, site } = stage);
  },
  () => {
    site.answers.set("members/logout", () => ({ status: "success" }));
  },
);

describe("signing out", () => {
  test("tells the page and the server, and the session is gone", async () => {
    const watched = await openPage(launched);
    const page = await signedIn(site, watched);
    await page.evaluate("allegro.member.logout()");
    expect((await heard(page)).at(-1)).toEqual(["allegro:logout", null]);
    expect([await state(page), await page.evaluate("localStorage.length")]).toEqual([[false, false, false], 0]);
    expect(site.sent.at(-1)).toMatchObject({ path: "members/logout", body: { refreshToken: "refresh_1" } });
  });

  test("works where the server does not", async () => {
    const watched = await openPage(launched);
    const page = await signedIn(site, watched);
    await page.route("**/members/logout", (route) => route.abort());
    await page.evaluate("allegro.member.logout()");
    expect(await state(page)).toEqual([false, false, false]);
    expect(watched.faults).toEqual([]);
  });

  test("is not undone by a renewal that was under way, and what that got is ended", async () => {
    const watched = await openPage(launched);
    const page = await signedIn(site, watched);
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    site.answers.set("members/refresh", async () => {
      await released;
      return session(memberJwt(), "refresh_2");
    });
    const renewing = page.evaluate("allegro.member.session()");
    await eventually(() => refreshes(site)).toBe(1);
    await page.evaluate("void allegro.member.logout()");
    release();
    expect(await renewing).toBe(null);
    expect(await state(page)).toEqual([false, false, false]);
    const ended = () =>
      site.sent
        .filter(({ path }) => path === "members/logout")
        .map(({ body }) => body.refreshToken)
        .toSorted();
    await eventually(ended).toEqual(["refresh_1", "refresh_2"]);
  });
});

describe("two tabs", () => {
  async function twoTabs() {
    if (!launched.ok) throw new Error(launched.reason);
    const context = await launched.browser.newContext();
    const url = addPage(site);
    const one = await openPage(launched, context);
    const other = await openPage(launched, context);
    await Promise.all([one.page.goto(url), other.page.goto(url)]);
    return { context, url, one, other };
  }

  test("renew once", async () => {
    const { context, url, one, other } = await twoTabs();
    await signedIn(site, one, { jwt: memberJwt({ seconds: 2 }), url });
    let count = 0;
    site.answers.set("members/refresh", async () => {
      await new Promise((done) => setTimeout(done, 300));
      return session(memberJwt({ products: [`renewed-${++count}`] }));
    });
    await new Promise((done) => setTimeout(done, 2_000));
    await Promise.all(
      [one.page, other.page].map((page) => page.evaluate("void window.dispatchEvent(new Event('online'))")),
    );
    for (const { page } of [one, other]) {
      await eventually(() => page.evaluate("allegro.member.hasProduct('renewed-1')")).toBe(true);
    }
    expect(refreshes(site)).toBe(1);
    await context.close();
  });

  test("sign in and out together", async () => {
    const { context, url, one, other } = await twoTabs();
    await signedIn(site, one, { url });
    await eventually(() => heardNames(other.page)).toEqual(["allegro:authenticated"]);
    expect(await state(other.page)).toEqual([true, true, true]);
    const jwt = memberJwt({ products: ["print"] });
    await one.page.evaluate(`allegro.member.setJwt(${JSON.stringify(jwt)})`);
    await eventually(async () => (await heard(other.page)).at(-1)).toEqual(["allegro:jwt-refreshed", { jwt }]);
    await other.page.evaluate("allegro.member.logout()");
    await eventually(() => heardNames(one.page)).toContain("allegro:logout");
    expect(await state(one.page)).toEqual([false, false, false]);
    await context.close();
  });

  test("know each other's sign-out also where the page's storage was cleared by hand", async () => {
    const { context, url, one, other } = await twoTabs();
    await signedIn(site, one, { url });
    await eventually(() => state(other.page)).toEqual([true, true, true]);
    await other.page.evaluate("localStorage.clear()");
    await eventually(() => heardNames(one.page)).toContain("allegro:logout");
    await context.close();
  });
});
