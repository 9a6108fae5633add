import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { Launched } from "../browser/browser.ts";
import { decision, forgetVisitors, identityOf } from "./decisions.ts";
import { addPage, eventually, exchanged, heard, memberJwt, openPage, refusal, type Site, session } from "./site.ts";
import { setStage } from "./stage.ts";

let launched: Launched;
let site: Site;
setStage(
  (stage) => {
    ({ launched, site } = stage);
  },
  () => {
    forgetVisitors();
    site.answers.set("surface-decisions", (sent) => decision(sent, {}));
    site.answers.set("purchases/exchange", () => exchanged());
  },
);

const identities = () => site.sent.map(({ body }) => body.identity);
const decide = (page: Page, surface = "web") => page.evaluate(`allegro.decide(${JSON.stringify(surface)})`);
const cookies = async (page: Page) =>
  (await page.context().cookies()).map(({ name, value, path, sameSite, secure }) => ({
    name,
    value,
    path,
    sameSite,
    secure,
  }));

describe("a visitor", () => {
  test("is given an identifier once, and keeps it in a cookie of the site", async () => {
    const { page, faults } = await openPage(launched);
    const url = addPage(site);
    await page.goto(`${url}?a=1`);
    expect(
      await page.evaluate("allegro.decide('web', { resource: { id: 'story-1' } }).then((d) => d.identity.identifier)"),
    ).toBe("anon_1");
    expect(site.sent[0]?.body).toEqual({
      surfaceSlug: "web",
      identity: { createAnonymousIdentifier: true },
      resource: { id: "story-1" },
      http: { url: `${url}?a=1`, referer: null },
    });
    expect(await cookies(page)).toEqual([
      { name: "scrip_anonymous", value: "anon_1", path: "/", sameSite: "Lax", secure: false },
    ]);
    const [cookie] = await page.context().cookies();
    expect((cookie?.expires ?? 0) - Date.now() / 1000).toBeGreaterThan(364 * 86_400);
    await decide(page);
    await page.goto(addPage(site));
    await decide(page);
    expect(identities().slice(1)).toEqual([{ anonymousIdentifier: "anon_1" }, { anonymousIdentifier: "anon_1" }]);
    expect(faults).toEqual([]);
  });

  test("of several questions at once is one visitor", async () => {
    const { page } = await openPage(launched);
    await page.goto(addPage(site));
    const asked =
      "Promise.all(['a', 'b', 'c'].map((s) => allegro.decide(s))).then((all) => all.map((d) => d.identity.identifier))";
    expect(await page.evaluate(asked)).toEqual(["anon_1", "anon_1", "anon_1"]);
  });

  test("stays the one whom a page's offers were made to, whatever another tab writes", async () => {
    const { page } = await openPage(launched);
    await page.goto(addPage(site));
    await decide(page);
    await page.evaluate("document.cookie = 'scrip_anonymous=anon_other; Path=/'");
    await decide(page);
    expect(identities().at(-1)).toEqual({ anonymousIdentifier: "anon_1" });
    expect((await cookies(page))[0]?.value).toBe("anon_other");
  });

  test.each([
    ["%E0%A4%A", { createAnonymousIdentifier: true }],
    ["", { createAnonymousIdentifier: true }],
    ["zo%C3%AB%3B1", { anonymousIdentifier: "zoë;1" }],
  ])("with the cookie %j is taken for %j", async (value, identity) => {
    const { page, faults } = await openPage(launched);
    await page.goto(
      addPage(site, {
        before: `document.cookie = 'xscrip_anonymous=wrong'; document.cookie = 'scrip_anonymous=${value}; Path=/';`,
      }),
    );
    await decide(page);
    expect(identities()).toEqual([identity]);
    expect(faults).toEqual([]);
  });

  test("without cookies is one on this page", async () => {
    const { page, faults } = await openPage(launched);
    const denied =
      "Object.defineProperty(Document.prototype, 'cookie', { get() { throw new DOMException('no') }, set() { throw new DOMException('no') } })";
    await page.addInitScript(denied);
    await page.goto(addPage(site));
    await decide(page);
    await decide(page);
    expect(identities()).toEqual([{ createAnonymousIdentifier: true }, { anonymousIdentifier: "anon_1" }]);
    expect(faults).toEqual([]);
  });
});

describe("a member", () => {
  const set = (page: Page, jwt: string) => page.evaluate(`allegro.member.setJwt(${JSON.stringify(jwt)})`);

  test("is asked for by the JWT, and the visitor's cookie stays as it is", async () => {
    const { page } = await openPage(launched);
    await page.goto(addPage(site));
    await decide(page);
    const jwt = memberJwt();
    await set(page, jwt);
    expect(await page.evaluate("allegro.decide('web').then((d) => d.identity.identifier)")).toBe("reader-1");
    expect(identities().at(-1)).toEqual({ userJwt: jwt, createAnonymousIdentifierFallback: true });
    expect((await cookies(page))[0]?.value).toBe("anon_1");
  });

  test("whose JWT has expired is asked for by the next one", async () => {
    const { page } = await openPage(launched);
    site.answers.set("purchases/exchange", () => exchanged(session(memberJwt({ seconds: 1 }))));
    await page.goto(`${addPage(site)}?allegro_purchase_token=ptk_1`);
    await eventually(() => page.evaluate("allegro.purchase.validation")).toBe("completed");
    const next = memberJwt();
    site.answers.set("members/refresh", () => session(next));
    await new Promise((done) => setTimeout(done, 1_100));
    await decide(page);
    expect(identities().at(-1)).toEqual({ userJwt: next, createAnonymousIdentifierFallback: true });
  });

  test("whose JWT the server does not take is asked for by the next one", async () => {
    const { page } = await openPage(launched);
    site.answers.set("purchases/exchange", () => exchanged(session(memberJwt({ sub: "refused" }))));
    await page.goto(`${addPage(site)}?allegro_purchase_token=ptk_1`);
    await eventually(() => page.evaluate("allegro.purchase.validation")).toBe("completed");
    site.answers.set("members/refresh", () => session(memberJwt()));
    expect(await page.evaluate("allegro.decide('web').then((d) => d.identity.identifier)")).toBe("reader-1");
  });

  test("whom the server does not take at all is the visitor of before", async () => {
    const { page } = await openPage(launched);
    await page.goto(addPage(site, { before: "document.cookie = 'scrip_anonymous=anon_before; Path=/';" }));
    await set(page, memberJwt({ sub: "refused" }));
    expect(await page.evaluate("allegro.decide('web').then((d) => d.identity.identifier)")).toBe("anon_before");
    await decide(page);
    expect(identities().slice(1)).toEqual([
      { anonymousIdentifier: "anon_before" },
      { anonymousIdentifier: "anon_before" },
    ]);
    // a purchase by a stranger's name is none that falls back by itself
    site.answers.set("purchases", (sent) =>
      identityOf(sent) === null ? refusal(401, "invalid_user_jwt") : refusal(404, "plan_not_found"),
    );
    await set(page, memberJwt({ sub: "refused", n: 2 }));
    await page.evaluate("allegro.purchase.initiate('monthly')");
    expect(identities().slice(3)).toEqual([{ userJwt: expect.any(String) }, { anonymousIdentifier: "anon_before" }]);
    expect((await heard(page)).at(-1)).toEqual(["allegro:purchase:failed", { reason: "plan_not_found" }]);
  });

  test("whom the server makes a visitor, having no other, is that one", async () => {
    const { page } = await openPage(launched);
    await page.goto(addPage(site));
    await set(page, memberJwt({ sub: "refused" }));
    expect(await page.evaluate("allegro.decide('web').then((d) => d.identity.identifier)")).toBe("anon_1");
    await decide(page);
    expect(identities().at(-1)).toEqual({ anonymousIdentifier: "anon_1" });
    expect(site.sent).toHaveLength(2);
  });
});

test.each([
  ["refused", () => refusal(404, "surface_not_found"), "surface_not_found"],
  ["answered with something else", () => ({ status: "success" }), "the answer cannot be read"],
  ["answered with no JSON", () => new Response("<html>"), "network_error"],
])("a decision that is %s is null, told once, and leaves the page as it was", async (_, answer, word) => {
  const { page, warnings, faults } = await openPage(launched);
  site.answers.set("surface-decisions", answer);
  await page.goto(addPage(site, { body: '<main id="story">words</main>' }));
  expect(await page.evaluate("allegro.decide('web').then(() => allegro.decide('web'))")).toBe(null);
  expect(await page.evaluate("allegro.present()")).toEqual([]);
  expect(await page.locator("#story").innerHTML()).toBe("words");
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain(word);
  expect(faults).toEqual([]);
});
