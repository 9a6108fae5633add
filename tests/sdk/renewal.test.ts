import { describe, expect, test } from "vitest";
import type { Launched } from "../browser/browser.ts";
import { minuteMs, refreshes, signedIn, state } from "./members.ts";
import { addPage, eventually, heard, heardNames, memberJwt, openPage, refusal, type Site, session } from "./site.ts";
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

describe("the JWT is renewed", () => {
  test("shortly before it expires, and the page is told", async () => {
    const watched = await openPage(launched);
    await watched.page.clock.install();
    const page = await signedIn(site, watched);
    const next = memberJwt({ atMs: Date.now() + 14 * minuteMs, products: ["digital", "print"] });
    site.answers.set("members/refresh", () => session(next));
    await page.clock.fastForward(13 * minuteMs);
    expect(refreshes(site)).toBe(0);
    await page.clock.fastForward(minuteMs + 2_000);
    await eventually(() => heardNames(page)).toContain("allegro:jwt-refreshed");
    expect((await heard(page)).at(-1)).toEqual(["allegro:jwt-refreshed", { jwt: next }]);
    expect(site.sent.at(-1)?.body).toEqual({ refreshToken: "refresh_1" });
    expect(await page.evaluate("allegro.member.hasProduct('print')")).toBe(true);
    expect(refreshes(site)).toBe(1);
  });

  test("when a page is loaded after it expired", async () => {
    const { page } = await openPage(launched);
    const url = addPage(site);
    await signedIn(site, { page, warnings: [], faults: [] }, { jwt: memberJwt({ seconds: 1 }), url });
    await new Promise((done) => setTimeout(done, 1_100));
    site.answers.set("members/refresh", () => session());
    await page.goto(url);
    await eventually(() => heardNames(page)).toEqual(["allegro:jwt-refreshed"]);
    expect(await state(page)).toEqual([true, true, true]);
  });

  test("before the page's callbacks ask who is there, in their order", async () => {
    const { page } = await openPage(launched);
    const before = `window.allegro = [];
      window.seen = [];
      for (const name of ["first", "second"]) {
        window.allegro.push((allegro) => window.seen.push([name, allegro.member.hasProduct("print")]));
      }`;
    const url = addPage(site, { before });
    await signedIn(site, { page, warnings: [], faults: [] }, { jwt: memberJwt({ seconds: 1 }), url });
    await new Promise((done) => setTimeout(done, 1_100));
    site.answers.set("members/refresh", () => session(memberJwt({ products: ["digital", "print"] })));
    await page.goto(url);
    await eventually(() => page.evaluate("window.seen")).toEqual([
      ["first", true],
      ["second", true],
    ]);
  });

  test("and callbacks run all the same when it cannot be renewed", async () => {
    const { page } = await openPage(launched);
    const before = "window.allegro = [(allegro) => { window.seen = allegro.member.hasProduct('digital'); }];";
    const url = addPage(site, { before });
    await signedIn(site, { page, warnings: [], faults: [] }, { jwt: memberJwt({ seconds: 1 }), url });
    await new Promise((done) => setTimeout(done, 1_100));
    site.answers.set("members/refresh", () => refusal(503, "storage_unavailable"));
    await page.goto(url);
    await eventually(() => page.evaluate("window.seen")).toBe(false);
  });

  test.each([
    ["ten minutes ahead", 10],
    ["ten minutes behind", -10],
    ["a day ahead", 1440],
  ])("at the right time by a clock that is %s", async (_, minutes) => {
    const watched = await openPage(launched);
    await watched.page.clock.install({ time: Date.now() + minutes * minuteMs });
    const page = await signedIn(site, watched);
    expect(await state(page)).toEqual([true, true, true]);
    site.answers.set("members/refresh", () => session(memberJwt({ atMs: Date.now() + 14 * minuteMs })));
    await page.clock.fastForward(13 * minuteMs);
    expect([refreshes(site), await state(page)]).toEqual([0, [true, true, true]]);
    await page.reload();
    expect([refreshes(site), await state(page)]).toEqual([0, [true, true, true]]);
    await page.clock.fastForward(minuteMs + 2_000);
    await eventually(() => refreshes(site)).toBe(1);
  });

  test("again and again no sooner than every five seconds, however short it lives", async () => {
    const watched = await openPage(launched);
    await watched.page.clock.install();
    site.answers.set("members/refresh", () => session(memberJwt({ seconds: 1 })));
    const page = await signedIn(site, watched, { jwt: memberJwt({ seconds: 1 }) });
    for (let seconds = 0; seconds < 20; seconds++) {
      await page.clock.runFor(1_000);
      await new Promise((done) => setTimeout(done, 20));
    }
    expect(refreshes(site)).toBeGreaterThanOrEqual(2);
    expect(refreshes(site)).toBeLessThanOrEqual(5);
  });

  test("later where the server cannot be reached; the page is told once, and when it is online again", async () => {
    const watched = await openPage(launched);
    await watched.page.clock.install();
    const page = await signedIn(site, watched);
    site.answers.set("members/refresh", () => refusal(503, "storage_unavailable"));
    await page.clock.fastForward(14 * minuteMs + 1_000);
    await eventually(() => refreshes(site)).toBe(1);
    const later = async () => {
      await page.clock.runFor(1_000);
      return refreshes(site);
    };
    await eventually(later).toBe(2);
    const failures = (await heardNames(page)).filter((name) => name === "allegro:jwt-refresh-failed");
    expect(failures).toHaveLength(1);
    expect(await page.evaluate("allegro.member.isIdentified()")).toBe(true);
    site.answers.set("members/refresh", () => session(memberJwt({ atMs: Date.now() + 15 * minuteMs })));
    await page.evaluate("window.dispatchEvent(new Event('online'))");
    await eventually(() => heardNames(page)).toContain("allegro:jwt-refreshed");
  });

  test("not while nobody sees the page, and at once when it is seen again", async () => {
    const watched = await openPage(launched);
    await watched.page.clock.install();
    const page = await signedIn(site, watched);
    const hide = (hidden: boolean) =>
      page.evaluate(`Object.defineProperty(document, "hidden", { value: ${hidden}, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));`);
    await hide(true);
    site.answers.set("members/refresh", () => session(memberJwt({ atMs: Date.now() + 20 * minuteMs })));
    await page.clock.fastForward(20 * minuteMs);
    expect([refreshes(site), await state(page)]).toEqual([0, [false, true, false]]);
    await hide(false);
    await eventually(() => heardNames(page)).toContain("allegro:jwt-refreshed");
    expect(await state(page)).toEqual([true, true, true]);
  });

  test("until the session has ended: then the member is signed out", async () => {
    const watched = await openPage(launched);
    const page = await signedIn(site, watched);
    site.answers.set("members/refresh", () => refusal(401, "member_session_ended"));
    expect(await page.evaluate("allegro.member.session()")).toBe(null);
    expect((await heard(page)).slice(-2)).toEqual([
      ["allegro:jwt-refresh-failed", { reason: "member_session_ended" }],
      ["allegro:logout", null],
    ]);
    expect([await state(page), await page.evaluate("localStorage.length")]).toEqual([[false, false, false], 0]);
    expect(watched.faults).toEqual([]);
  });

  test("without locks, where another tab was faster with the same refresh token, to what that tab got", async () => {
    const watched = await openPage(launched);
    await watched.page.addInitScript("Object.defineProperty(Navigator.prototype, 'locks', { value: undefined })");
    const page = await signedIn(site, watched);
    const next = memberJwt({ sub: "reader-1", products: ["print"] });
    site.answers.set("members/refresh", async () => {
      const written = JSON.stringify({ jwt: next, refreshToken: "refresh_2", skewMs: 0 });
      await page.evaluate(`localStorage.setItem("scrip:env_preview", ${JSON.stringify(written)})`);
      return refusal(401, "member_session_ended");
    });
    await page.evaluate("allegro.member.session()");
    expect(await page.evaluate("[allegro.member.isAuthenticated(), allegro.member.hasProduct('print')]")).toEqual([
      true,
      true,
    ]);
    expect(await heardNames(page)).not.toContain("allegro:logout");
  });
});
