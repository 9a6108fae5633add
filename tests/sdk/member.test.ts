import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { Launched } from "../browser/browser.ts";
import { minuteMs, refreshes, signedIn, state } from "./members.ts";
import { addPage, eventually, heard, memberJwt, openPage, refusal, type Site, session } from "./site.ts";
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
    const page = await signedIn(site, watched, { jwt });
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
    const page = await signedIn(site, watched);
    site.answers.set("members/refresh", () => refusal(503, "storage_unavailable"));
    await page.clock.fastForward(901_000);
    expect(await state(page)).toEqual([false, true, false]);
  });

  test("is asked of the server by session()", async () => {
    const watched = await openPage(launched);
    const page = await signedIn(site, watched);
    site.answers.set("members/refresh", () => session(memberJwt({ sid: "ses_2", sub: "reader-2" })));
    expect(await page.evaluate("allegro.member.session()")).toEqual({
      data: {
        id: "ses_2",
        is_authenticated: true,
        authenticated_at: null,
        audience_member: { id: "reader-2", email: null, name: null },
      },
    });
    expect(refreshes(site)).toBe(1);
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
    await page.clock.install({ time: Date.now() - 30 * minuteMs });
    await page.goto(addPage(site));
    await set(page, memberJwt());
    await page.clock.fastForward(14 * minuteMs);
    expect(await state(page)).toEqual([true, true, true]);
    await page.clock.fastForward(2 * minuteMs);
    expect(await state(page)).toEqual([false, true, false]);
  });

  test("of the same member keeps the session that can be renewed, of another one ends it", async () => {
    const watched = await openPage(launched);
    const page = await signedIn(site, watched);
    await set(page, memberJwt({ products: ["print"] }));
    site.answers.set("members/refresh", () => session());
    await page.evaluate("allegro.member.session()");
    expect(refreshes(site)).toBe(1);
    await set(page, memberJwt({ sub: "reader-9" }));
    await eventually(() => site.sent.at(-1)?.path).toBe("members/logout");
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
    const page = await signedIn(site, watched);
    expect(await state(page)).toEqual([true, true, true]);
    await page.evaluate("allegro.member.logout()");
    expect(await state(page)).toEqual([false, false, false]);
    expect(watched.faults).toEqual([]);
    expect(watched.warnings).toHaveLength(1);
  });

  test("that takes nothing more does not keep who was signed in before", async () => {
    const watched = await openPage(launched);
    const page = await signedIn(site, watched);
    await page.evaluate("Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }");
    await page.evaluate(`allegro.member.setJwt(${JSON.stringify(memberJwt({ sub: "reader-2" }))})`);
    expect(await page.evaluate("allegro.member.sessionFromJwt().sub")).toBe("reader-2");
    expect(await page.evaluate("localStorage.length")).toBe(0);
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
