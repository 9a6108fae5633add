import { expect, test } from "vitest";
import type { Launched } from "../browser/browser.ts";
import { addPage, eventually, exchanged, heard, openPage, publicKey, refusal, type Site } from "./site.ts";
import { setStage } from "./stage.ts";

let launched: Launched;
let site: Site;
setStage((stage) => {
  ({ launched, site } = stage);
});

const note = (name: string) =>
  `window.allegro.push((client) => (window.notes ??= []).push(${JSON.stringify(name)}, client === window.allegro));`;

test.each(["", "async", "defer"])("functions pushed before the script (%s) run in their order", async (script) => {
  const { page, faults } = await openPage(launched);
  const before = `window.allegro = window.allegro || []; ${note("first")} ${note("second")}`;
  await page.goto(addPage(site, { script, before }));
  await eventually(() => page.evaluate("window.notes")).toEqual(["first", true, "second", true]);
  expect(faults).toEqual([]);
});

test("a function pushed after the script has loaded runs at once, and scrip is allegro", async () => {
  const { page, faults } = await openPage(launched);
  await page.goto(addPage(site, { after: `${note("later")} window.same = window.scrip === window.allegro;` }));
  expect(await page.evaluate("[window.notes, window.same]")).toEqual([["later", true], true]);
  expect(faults).toEqual([]);
});

test("a function that throws is the page's own error and stops no other", async () => {
  const { page, faults } = await openPage(launched);
  const before = `window.allegro = [() => { throw new Error("the page's own") }, 7]; ${note("next")}`;
  await page.goto(addPage(site, { before, after: "window.allegro.push(() => null.x, () => (window.last = true));" }));
  expect(await page.evaluate("[window.notes, window.last]")).toEqual([["next", true], true]);
  expect(faults).toHaveLength(2);
  expect(faults[0]).toContain("the page's own");
});

test("both names have a queue, and an array that the page kept goes on working", async () => {
  const { page } = await openPage(launched);
  const before =
    "window.got = []; window.scrip = [() => got.push('scrip')]; window.allegro = window.kept = [() => got.push('allegro')];";
  await page.goto(addPage(site, { before, after: "kept.push(() => got.push('kept'));" }));
  expect(await page.evaluate("window.got")).toEqual(["allegro", "scrip", "kept"]);
});

test.each(["", "async", "defer"])("allegro:ready is heard by a script at the end of the body (%s)", async (script) => {
  const { page } = await openPage(launched);
  await page.goto(addPage(site, { script }));
  await eventually(() => heard(page)).toEqual([["allegro:ready", null]]);
});

test("a script that a page adds when everything has loaded starts as well", async () => {
  const { page } = await openPage(launched);
  const add = `const s = document.createElement("script"); s.src = "${site.serverUrl}/client.js"; document.head.append(s);`;
  await page.goto(
    addPage(site, { script: null, after: `addEventListener("load", () => setTimeout(() => { ${add} }, 50));` }),
  );
  await eventually(() => heard(page)).toEqual([["allegro:ready", null]]);
});

test("the script loaded twice is one client and one exchange", async () => {
  const { page, faults } = await openPage(launched);
  site.answers.set("purchases/exchange", () => exchanged());
  const second = `window.first = window.allegro; const s = document.createElement("script"); s.src = "${site.serverUrl}/client.js?key=pk_env_other_x"; document.head.append(s); s.onload = () => (window.loaded = window.first === window.allegro);`;
  await page.goto(`${addPage(site, { after: second })}?allegro_purchase_token=ptk_1`);
  await eventually(() => page.evaluate("window.loaded")).toBe(true);
  await eventually(async () => (await heard(page)).length).toBe(3);
  expect(site.sent.map(({ path }) => path)).toEqual(["purchases/exchange"]);
  expect(faults).toEqual([]);
});

test("an element named allegro is no queue and does no harm", async () => {
  const { page, faults } = await openPage(launched);
  await page.goto(addPage(site, { script: "async", body: '<p id="allegro">a lively pace</p>' }));
  await eventually(() => page.evaluate("typeof window.allegro.push")).toBe("function");
  expect(faults).toEqual([]);
});

const own = "pk_env_live_abcdefghij";

test.each([
  ["the server's default", {}, publicKey],
  ["?key=", { src: `/client.js?key=${own}` }, own],
  ["data-key", { src: "/client-without-key.js", script: `data-key="${own}"` }, own],
])("the key comes from %s", async (_, parts, key) => {
  const { page } = await openPage(launched);
  site.answers.set("surface-decisions", () => refusal(404, "surface_not_found"));
  await page.goto(addPage(site, parts));
  await page.evaluate("allegro.decide('web')");
  expect(site.sent[0]?.headers.get("authorization")).toBe(`Bearer ${key}`);
});

test.each([
  ["no key", "", "names no public key"],
  ["a secret key", "data-key='sk_env_live_abc'", "a secret key must not be in a page"],
])("with %s nothing is asked, and the developer is told once", async (_, script, warning) => {
  const { page, warnings, faults } = await openPage(launched);
  await page.goto(addPage(site, { src: "/client-without-key.js", script }));
  await page.evaluate("allegro.purchase.initiate('monthly')");
  await page.evaluate("allegro.purchase.initiate('monthly')");
  expect(site.sent).toEqual([]);
  expect(await heard(page)).toContainEqual(["allegro:purchase:failed", { reason: "missing_key" }]);
  expect(warnings.filter((text) => text.includes(warning))).toHaveLength(1);
  expect(faults).toEqual([]);
});

test("data-api-url names another server", async () => {
  const { page } = await openPage(launched);
  site.answers.set("surface-decisions", () => refusal(404, "surface_not_found"));
  const policy = "script-src 'self' http://127.0.0.1:*; connect-src *";
  await page.goto(addPage(site, { script: `data-api-url="${site.serverUrl}/"`, policy }));
  await page.evaluate("allegro.decide('web')");
  expect(site.sent.map(({ path }) => path)).toEqual(["surface-decisions"]);
});

test("the module makes a client for the options that it is given, the same one for the same", async () => {
  const { page, faults } = await openPage(launched);
  site.answers.set("purchases/exchange", () => exchanged());
  const url = addPage(site, { script: null, after: "" });
  site.files.set("/module.js", {
    body: `import { createClient } from "${site.serverUrl}/client.mjs";
const options = { baseUrl: "${site.serverUrl}", key: "${publicKey}" };
window.client = createClient(options);
window.same = createClient({ ...options }) === window.client;`,
    headers: { "Content-Type": "text/javascript" },
  });
  const file = site.files.get(new URL(url).pathname);
  if (file) file.body = file.body.replace("</head>", '<script type="module" src="/module.js"></script></head>');
  await page.goto(`${url}?allegro_purchase_token=ptk_1`);
  await eventually(() => page.evaluate("window.client?.purchase.validation")).toBe("completed");
  expect(await page.evaluate("[window.same, typeof window.allegro, window.client.member.isAuthenticated()]")).toEqual([
    true,
    "undefined",
    true,
  ]);
  expect(faults).toEqual([]);
});

test("whatever a page calls the client with, nothing is thrown and no promise rejects", async () => {
  const { page, faults } = await openPage(launched);
  for (const path of ["purchases", "purchases/exchange", "surface-decisions", "offer-redemptions"]) {
    site.answers.set(path, () => refusal(400, "invalid_body"));
  }
  await page.goto(addPage(site));
  const outcomes = await page.evaluate(`(async () => {
    const cyclic = {};
    cyclic.cyclic = cyclic;
    const odd = [undefined, null, 7, 7n, "", "\\ud800", {}, [], cyclic, Symbol("s"), () => null, new Proxy({}, { get() { throw 1 } })];
    const { purchase, member, ...rest } = allegro;
    let calls = 0;
    for (const group of [purchase, member, rest]) {
      for (const name of Object.keys(group)) {
        if (typeof group[name] !== "function") continue;
        for (const one of odd) for (const other of odd) {
          await group[name](one, name === "decide" ? { resource: other } : other);
          calls++;
        }
      }
    }
    return calls;
  })()`);
  expect(outcomes).toBe(14 * 144);
  expect(faults).toEqual([]);
});
