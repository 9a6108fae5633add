import type { Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Launched, launchBrowser } from "../browser/browser.ts";
import {
  addPage,
  exchanged,
  heard,
  heardNames,
  memberJwt,
  openPage,
  refusal,
  type Site,
  session,
  startSite,
  type Watched,
} from "./site.ts";

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
  site.answers.set("members/logout", () => ({ status: "success" }));
});

const refreshes = () => site.sent.filter(({ path }) => path === "members/refresh").length;
const minute = 60_000;

/** A page that somebody who has just bought is on. */
async function signedIn(watched: Watched, { jwt = memberJwt(), url = addPage(site) } = {}): Promise<Page> {
  site.answers.set("purchases/exchange", () => exchanged(session(jwt)));
  await watched.page.goto(`${url}?allegro_purchase_token=ptk_1`);
  await expect.poll(() => watched.page.evaluate("allegro.purchase.validation")).toBe("completed");
  return watched.page;
}

const state = (page: Page) =>
  page.evaluate(
    "[allegro.member.isAuthenticated(), allegro.member.isIdentified(), allegro.member.hasProduct('digital')]",
  );

describe("who is signed in", () => {
  test("is nobody before anybody signs in", async () => {
    const { page } = await openPage(launched);
    await page.goto(addPage(site));
    expect(await state(page)).toEqual([false, false, false]);
    const asked = "Promise.all([allegro.member.user(), allegro.member.session(), allegro.member.sessionFromJwt()])";
    expect(await page.evaluate(asked)).toEqual([null, null, null]);
    expect(site.sent).toEqual([]);
  });

  test("is known by the JWT, on the next page too", async () => {
    const watched = await openPage(launched);
    const jwt = memberJwt({ sub: "zoë@example.com", email: "zoë@example.com" });
    const page = await signedIn(watched, { jwt });
    await page.goto(addPage(site));
    expect(await state(page)).toEqual([true, true, true]);
    expect(await page.evaluate("allegro.member.hasProduct('print')")).toBe(false);
    expect(await page.evaluate("allegro.member.sessionFromJwt().sub")).toBe("zoë@example.com");
    expect(await page.evaluate("allegro.member.user()")).toEqual({
      id: "zoë@example.com",
      email: "zoë@example.com",
      name: null,
    });
    expect(site.sent).toHaveLength(1);
  });

  test("is told of as Allegro's own JWTs tell", async () => {
    const { page } = await openPage(launched);
    await page.goto(addPage(site));
    const jwt = memberJwt({
      authenticated: false,
      session: { id: "s-1", authenticated_at: null },
      audience_member: { id: "m-1", email: "a@example.com", name: "Ada", email_verified: true },
    });
    await page.evaluate(`allegro.member.setJwt(${JSON.stringify(jwt)})`);
    expect(await state(page)).toEqual([false, true, true]);
    const audience_member = { id: "m-1", email: "a@example.com", name: "Ada", email_verified: true };
    expect(await page.evaluate("allegro.member.session()")).toEqual({
      data: { id: "s-1", is_authenticated: false, authenticated_at: null, audience_member },
    });
  });

  test("has no product any more once the JWT has expired", async () => {
    const watched = await openPage(launched);
    await watched.page.clock.install();
    const page = await signedIn(watched);
    site.answers.set("members/refresh", () => refusal(503, "storage_unavailable"));
    await page.clock.fastForward(901_000);
    expect(await state(page)).toEqual([false, true, false]);
  });

  test("is asked of the server by session()", async () => {
    const watched = await openPage(launched);
    const page = await signedIn(watched);
    site.answers.set("members/refresh", () => session(memberJwt({ sid: "ses_2", sub: "reader-2" })));
    expect(await page.evaluate("allegro.member.session()")).toEqual({
      data: {
        id: "ses_2",
        is_authenticated: true,
        authenticated_at: null,
        audience_member: { id: "reader-2", email: null, name: null },
      },
    });
    expect(refreshes()).toBe(1);
  });
});

describe("the JWT is renewed", () => {
  test("shortly before it expires, and the page is told", async () => {
    const watched = await openPage(launched);
    await watched.page.clock.install();
    const page = await signedIn(watched);
    const next = memberJwt({ atMs: Date.now() + 14 * minute, products: ["digital", "print"] });
    site.answers.set("members/refresh", () => session(next));
    await page.clock.fastForward(13 * minute);
    expect(refreshes()).toBe(0);
    await page.clock.fastForward(minute + 2_000);
    await expect.poll(() => heardNames(page)).toContain("allegro:jwt-refreshed");
    expect((await heard(page)).at(-1)).toEqual(["allegro:jwt-refreshed", { jwt: next }]);
    expect(site.sent.at(-1)?.body).toEqual({ refreshToken: "refresh_1" });
    expect(await page.evaluate("allegro.member.hasProduct('print')")).toBe(true);
    expect(refreshes()).toBe(1);
  });

  test("when a page is loaded after it expired", async () => {
    const { page } = await openPage(launched);
    const url = addPage(site);
    await signedIn({ page, warnings: [], faults: [] }, { jwt: memberJwt({ seconds: 1 }), url });
    await new Promise((done) => setTimeout(done, 1_100));
    site.answers.set("members/refresh", () => session());
    await page.goto(url);
    await expect.poll(() => heardNames(page)).toEqual(["allegro:jwt-refreshed"]);
    expect(await state(page)).toEqual([true, true, true]);
  });

  test.each([
    ["ten minutes ahead", 10],
    ["ten minutes behind", -10],
    ["a day ahead", 1440],
  ])("at the right time by a clock that is %s", async (_, minutes) => {
    const watched = await openPage(launched);
    await watched.page.clock.install({ time: Date.now() + minutes * minute });
    const page = await signedIn(watched);
    expect(await state(page)).toEqual([true, true, true]);
    site.answers.set("members/refresh", () => session(memberJwt({ atMs: Date.now() + 14 * minute })));
    await page.clock.fastForward(13 * minute);
    expect([refreshes(), await state(page)]).toEqual([0, [true, true, true]]);
    await page.reload();
    expect([refreshes(), await state(page)]).toEqual([0, [true, true, true]]);
    await page.clock.fastForward(minute + 2_000);
    await expect.poll(refreshes).toBe(1);
  });

  test("again and again no sooner than every five seconds, however short it lives", async () => {
    const watched = await openPage(launched);
    await watched.page.clock.install();
    site.answers.set("members/refresh", () => session(memberJwt({ seconds: 1 })));
    const page = await signedIn(watched, { jwt: memberJwt({ seconds: 1 }) });
    for (let seconds = 0; seconds < 20; seconds++) {
      await page.clock.runFor(1_000);
      await new Promise((done) => setTimeout(done, 20));
    }
    expect(refreshes()).toBeGreaterThanOrEqual(2);
    expect(refreshes()).toBeLessThanOrEqual(5);
  });

  test("later where the server cannot be reached; the page is told once, and when it is online again", async () => {
    const watched = await openPage(launched);
    await watched.page.clock.install();
    const page = await signedIn(watched);
    site.answers.set("members/refresh", () => refusal(503, "storage_unavailable"));
    await page.clock.fastForward(14 * minute + 1_000);
    await expect.poll(refreshes).toBe(1);
    await page.clock.runFor(10_000);
    await expect.poll(refreshes).toBe(2);
    const failures = (await heardNames(page)).filter((name) => name === "allegro:jwt-refresh-failed");
    expect(failures).toHaveLength(1);
    expect(await page.evaluate("allegro.member.isIdentified()")).toBe(true);
    site.answers.set("members/refresh", () => session(memberJwt({ atMs: Date.now() + 15 * minute })));
    await page.evaluate("window.dispatchEvent(new Event('online'))");
    await expect.poll(() => heardNames(page)).toContain("allegro:jwt-refreshed");
  });

  test("until the session has ended: then the member is signed out", async () => {
    const watched = await openPage(launched);
    const page = await signedIn(watched);
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
    const page = await signedIn(watched);
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

describe("signing out", () => {
  test("tells the page and the server, and the session is gone", async () => {
    const watched = await openPage(launched);
    const page = await signedIn(watched);
    await page.evaluate("allegro.member.logout()");
    expect((await heard(page)).at(-1)).toEqual(["allegro:logout", null]);
    expect([await state(page), await page.evaluate("localStorage.length")]).toEqual([[false, false, false], 0]);
    expect(site.sent.at(-1)).toMatchObject({ path: "members/logout", body: { refreshToken: "refresh_1" } });
  });

  test("works where the server does not", async () => {
    const watched = await openPage(launched);
    const page = await signedIn(watched);
    await page.route("**/members/logout", (route) => route.abort());
    await page.evaluate("allegro.member.logout()");
    expect(await state(page)).toEqual([false, false, false]);
    expect(watched.faults).toEqual([]);
  });

  test("is not undone by a renewal that was under way, and what that got is ended", async () => {
    const watched = await openPage(launched);
    const page = await signedIn(watched);
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    site.answers.set("members/refresh", async () => {
      await released;
      return session(memberJwt(), "refresh_2");
    });
    const renewing = page.evaluate("allegro.member.session()");
    await expect.poll(refreshes).toBe(1);
    await page.evaluate("void allegro.member.logout()");
    release();
    expect(await renewing).toBe(null);
    expect(await state(page)).toEqual([false, false, false]);
    const ended = () => site.sent.filter(({ path }) => path === "members/logout").map(({ body }) => body.refreshToken);
    await expect.poll(ended).toEqual(["refresh_1", "refresh_2"]);
  });
});

describe("a JWT of the site's own", () => {
  const set = (page: Page, jwt: string) => page.evaluate(`allegro.member.setJwt(${JSON.stringify(jwt)})`);

  test("signs in, until it expires", async () => {
    const { page } = await openPage(launched);
    await page.clock.install();
    await page.goto(addPage(site));
    const jwt = memberJwt({ seconds: 600 });
    await set(page, jwt);
    await set(page, jwt);
    expect(await heard(page)).toEqual([
      ["allegro:ready", null],
      ["allegro:jwt-refreshed", { jwt }],
    ]);
    expect(await state(page)).toEqual([true, true, true]);
    await page.clock.fastForward(601_000);
    expect((await heard(page)).at(-1)).toEqual(["allegro:jwt-refresh-failed", { reason: "jwt_expired" }]);
    expect(await state(page)).toEqual([false, true, false]);
    expect(site.sent).toEqual([]);
  });

  test("of the future is good at once: the clock here is behind", async () => {
    const { page } = await openPage(launched);
    await page.clock.install({ time: Date.now() - 30 * minute });
    await page.goto(addPage(site));
    await set(page, memberJwt());
    await page.clock.fastForward(14 * minute);
    expect(await state(page)).toEqual([true, true, true]);
    await page.clock.fastForward(2 * minute);
    expect(await state(page)).toEqual([false, true, false]);
  });

  test("of the same member keeps the session that can be renewed, of another one ends it", async () => {
    const watched = await openPage(launched);
    const page = await signedIn(watched);
    await set(page, memberJwt({ products: ["print"] }));
    site.answers.set("members/refresh", () => session());
    await page.evaluate("allegro.member.session()");
    expect(refreshes()).toBe(1);
    await set(page, memberJwt({ sub: "reader-9" }));
    await expect.poll(() => site.sent.at(-1)?.path).toBe("members/logout");
    expect(await page.evaluate("allegro.member.sessionFromJwt().sub")).toBe("reader-9");
  });

  test.each(["", "a.b.c", "e30", "not a token", "e30.bnVsbA.e30", "e30.eyJleHAiOiJzb29uIn0.e30"])(
    "that is none, %j, changes nothing",
    async (jwt) => {
      const { page, faults, warnings } = await openPage(launched);
      await page.goto(addPage(site));
      await set(page, jwt);
      expect(await state(page)).toEqual([false, false, false]);
      expect(warnings).toHaveLength(1);
      expect(faults).toEqual([]);
    },
  );
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
    await signedIn(one, { jwt: memberJwt({ seconds: 2 }), url });
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
      await expect.poll(() => page.evaluate("allegro.member.hasProduct('renewed-1')")).toBe(true);
    }
    expect(refreshes()).toBe(1);
    await context.close();
  });

  test("sign in and out together", async () => {
    const { context, url, one, other } = await twoTabs();
    await signedIn(one, { url });
    await expect.poll(() => heardNames(other.page)).toEqual(["allegro:authenticated"]);
    expect(await state(other.page)).toEqual([true, true, true]);
    const jwt = memberJwt({ products: ["print"] });
    await one.page.evaluate(`allegro.member.setJwt(${JSON.stringify(jwt)})`);
    await expect.poll(async () => (await heard(other.page)).at(-1)).toEqual(["allegro:jwt-refreshed", { jwt }]);
    await other.page.evaluate("allegro.member.logout()");
    await expect.poll(() => heardNames(one.page)).toContain("allegro:logout");
    expect(await state(one.page)).toEqual([false, false, false]);
    await context.close();
  });

  test("know each other's sign-out also where the page's storage was cleared by hand", async () => {
    const { context, url, one, other } = await twoTabs();
    await signedIn(one, { url });
    await expect.poll(() => state(other.page)).toEqual([true, true, true]);
    await other.page.evaluate("localStorage.clear()");
    await expect.poll(() => heardNames(one.page)).toContain("allegro:logout");
    await context.close();
  });
});

describe("storage", () => {
  test.each([
    [
      "cannot be reached",
      "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('denied', 'SecurityError') } })",
    ],
    ["takes nothing", "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }"],
  ])("that %s leaves the session in memory", async (_, script) => {
    const watched = await openPage(launched);
    await watched.page.addInitScript(script);
    const page = await signedIn(watched);
    expect(await state(page)).toEqual([true, true, true]);
    await page.evaluate("allegro.member.logout()");
    expect(await state(page)).toEqual([false, false, false]);
    expect(watched.faults).toEqual([]);
    expect(watched.warnings).toHaveLength(1);
  });

  test.each(["", "null", "{", "[]", '{"jwt":7}', '{"jwt":"a.b.c","refreshToken":null}'])(
    "that holds %j signs nobody in and breaks nothing",
    async (text) => {
      const { page, faults } = await openPage(launched);
      const before = `localStorage.setItem("scrip:env_preview", ${JSON.stringify(text)});`;
      await page.goto(addPage(site, { before }));
      expect(await page.evaluate("[allegro.member.isAuthenticated(), allegro.member.hasProduct('digital')]")).toEqual([
        false,
        false,
      ]);
      expect(await page.evaluate("allegro.member.user()")).toBe(null);
      expect(faults).toEqual([]);
    },
  );
});
