import { Hono } from "hono";
import { describe, expect, test } from "vitest";
import { createDemoSite, readerCookie } from "../../demo/site.ts";

const app = new Hono().route(
  "/demo",
  createDemoSite({
    surfaceSlug: "storefront",
    publicKey: () => "pk_env_preview_test",
    signUserJwt: async (email) => `jwt-of-${email.replace(/\W/g, "-")}`,
  }),
);

const hostile = `"><script>alert(1)</script>&<img src=x onerror='alert(2)'>`;

function post(path: string, fields: Record<string, string>, headers: Record<string, string> = {}) {
  return app.request(path, { method: "POST", body: new URLSearchParams(fields), headers });
}

async function text(path: string): Promise<string> {
  return (await app.request(path)).text();
}

const pages = [
  "/demo",
  "/demo?checkout=success",
  "/demo?allegro_purchase_pending=1",
  "/demo?checkout=cancelled",
  "/demo/sign-up",
  "/demo/checkout",
];

describe.each(pages)("GET %s", (path) => {
  test("allows nothing inline and nothing from elsewhere", async () => {
    const response = await app.request(path);
    expect(response.status).toBe(200);
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:|data:/);
    expect(response.headers.get("referrer-policy")).toBe("same-origin");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  });

  test("has no inline script, style or handler", async () => {
    const html = await text(path);
    expect(html).not.toMatch(/<script(?![^>]*\ssrc=)/);
    expect(html).not.toMatch(/<style|\sstyle=|\son\w+=/);
    expect(html).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
  });

  test("loads only what the site serves", async () => {
    const html = await text(path);
    const addresses = [...html.matchAll(/<(?:script|link)[^>]*(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? "");
    expect(addresses.length).toBeGreaterThan(3);
    for (const address of addresses) expect((await app.request(address)).status).toBe(200);
  });
});

test("the script finds key and surface in the page", async () => {
  const html = await text("/demo");
  expect(html).toContain('name="scrip-public-key" content="pk_env_preview_test"');
  expect(html).toContain('name="scrip-surface" content="storefront"');
});

test("every module that a script imports is served as a script", async () => {
  const found = new Set(["site.js"]);
  for (const name of found) {
    const response = await app.request(`/demo/${name}`);
    expect(response.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
    for (const [, imported = ""] of (await response.text()).matchAll(/from "\.\/([^"]+)"/g)) found.add(imported);
  }
  expect(found.size).toBeGreaterThan(5);
});

test("an address outside of the site is not found", async () => {
  expect((await app.request("/demo/paywall.css")).status).toBe(404);
  expect((await app.request("/demo/..%2fsite.ts")).status).toBe(404);
});

describe("coming back from the checkout", () => {
  test.each([
    ["?checkout=success", "asking"],
    ["?checkout=success&allegro_purchase_pending=1", "waiting"],
    ["?allegro_purchase_pending=1", "waiting"],
  ])("with %s shows no more than what the address justifies, and opens nothing", async (query, shown) => {
    const html = await text(`/demo${query}`);
    const states = [...html.matchAll(/data-notice-state="(\w+)" ?(hidden)?>/g)].map(([, state, hidden]) => [
      state,
      hidden,
    ]);
    expect(states).toHaveLength(5);
    expect(states.filter(([, hidden]) => hidden === undefined)).toEqual([[shown, undefined]]);
    expect(html).toContain('data-gate="closed"');
  });

  test.each([
    "?checkout=cancelled",
    "?allegro_purchase_error=payment_failed",
    "?checkout=success&allegro_purchase_error=payment_failed",
  ])("with %s says that nothing was charged", async (query) => {
    expect(await text(`/demo${query}`)).toContain("nothing was charged");
  });

  test.each(["", "paid", "__proto__", hostile])("with ?checkout=%s shows no notice", async (value) => {
    const html = await text(`/demo?checkout=${encodeURIComponent(value)}`);
    expect(html).toContain('data-notice="arrival" data-state="" hidden>');
    expect(html).not.toMatch(/data-notice-state="\w+" >/);
    expect(html).not.toMatch(/data-notice="cancelled"|data-arrival/);
  });
});

describe("signing up", () => {
  test("carries the offer token through the form, escaped", async () => {
    const html = await text(`/demo/sign-up?offerToken=${encodeURIComponent(hostile)}`);
    expect(html).not.toContain("<script>alert");
    expect(html).not.toContain("<img src=x");
    expect(html).toContain('name="offerToken" value="&quot;&gt;&lt;script&gt;');
  });

  test("gives the reader's JWT in a cookie that the page script can read, and goes on to the checkout", async () => {
    const response = await post("/demo/sign-up", { email: " reader@example.com ", offerToken: "a.b&c" });
    expect(response.status).toBe(303);
    expect(response.headers.get("location")).toBe("/demo/checkout?offerToken=a.b%26c");
    const cookie = response.headers.get("set-cookie");
    expect(cookie).toBe(`${readerCookie}=jwt-of-reader-example-com; Path=/demo; SameSite=Lax`);
  });

  test("without an offer token goes back to the story", async () => {
    const response = await post("/demo/sign-up", { email: "reader@example.com" });
    expect(response.headers.get("location")).toBe("/demo");
  });

  test.each(["", "reader", "reader@", `${"a".repeat(250)}@example.com`, hostile])(
    "refuses %s as an e-mail address and shows the form again, escaped",
    async (email) => {
      const response = await post("/demo/sign-up", { email, offerToken: hostile });
      expect(response.status).toBe(422);
      expect(response.headers.get("set-cookie")).toBeNull();
      const html = await response.text();
      expect(html).toContain('aria-invalid="true" aria-describedby="email-fault"');
      expect(html).toContain("<title>Error: ");
      expect(html).not.toContain("<script>alert");
      expect(html).not.toContain("<img src=x");
    },
  );

  test("shows again what was typed", async () => {
    const html = await (await post("/demo/sign-up", { email: "reader@", offerToken: "t" })).text();
    expect(html).toContain('value="reader@"');
    expect(html).toContain('name="offerToken" value="t"');
  });

  test("refuses a file in the place of an address", async () => {
    const body = new FormData();
    body.set("email", new File(["x"], "x.txt"));
    const response = await app.request("/demo/sign-up", { method: "POST", body });
    expect(response.status).toBe(422);
  });

  test.each(["/demo/sign-up", "/demo/sign-out"])("refuses a form that another site sends to %s", async (path) => {
    const response = await post(path, { email: "reader@example.com" }, { "sec-fetch-site": "cross-site" });
    expect(response.status).toBe(403);
    expect(response.headers.get("set-cookie")).toBeNull();
  });
});

test("the checkout page carries the offer token, escaped", async () => {
  const html = await text(`/demo/checkout?offerToken=${encodeURIComponent(hostile)}`);
  expect(html).not.toContain("<script>alert");
  expect(html).toContain('data-offer-token="&quot;&gt;&lt;script&gt;');
});

test("signing out takes the cookie back", async () => {
  const response = await post("/demo/sign-out", {});
  expect(response.status).toBe(303);
  expect(response.headers.get("location")).toBe("/demo");
  expect(response.headers.get("set-cookie")).toBe(`${readerCookie}=; Max-Age=0; Path=/demo; SameSite=Lax`);
});
