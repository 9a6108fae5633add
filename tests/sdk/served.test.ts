import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createApp } from "../../api/app.ts";
import { bundle } from "../../sdk/generated/bundle.ts";
import { createWorld, type World } from "../fakes/world.ts";

let world: World;
let clientKey: string | null = null;
let app: World["app"];
beforeAll(async () => {
  world = await createWorld();
  app = createApp(world.engine, { ownOrigins: [], clientKey: () => clientKey });
});
afterAll(() => world.close());

const get = (path: string, headers: Record<string, string> = {}) => app.request(path, { headers });

test.each([
  ["client.js", "text/javascript; charset=utf-8"],
  ["client.mjs", "text/javascript; charset=utf-8"],
  ["client.d.ts", "application/typescript; charset=utf-8"],
] as const)("/%s is served to any page, as what it is", async (name, type) => {
  const response = await get(`/${name}`, { origin: "https://anywhere.example" });
  expect(response.status).toBe(200);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "content-type": type,
    "cache-control": "public, max-age=300, stale-while-revalidate=3600",
    "x-content-type-options": "nosniff",
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
    vary: "Accept-Encoding",
  });
  expect(await response.text()).toBe(bundle[name]);
});

test("HEAD is answered without a body", async () => {
  const response = await app.request("/client.js", { method: "HEAD" });
  expect([response.status, await response.text()]).toEqual([200, ""]);
});

test("the server's key is in the script from the moment that there is one", async () => {
  const before = await get("/client.js");
  clientKey = "pk_env_live_abc";
  const after = await get("/client.js?key=pk_env_other_x");
  const text = await after.text();
  expect(text).toContain('"pk_env_live_abc"');
  expect(text).not.toContain("__SCRIP_PUBLIC_KEY__");
  expect(after.headers.get("etag")).not.toBe(before.headers.get("etag"));
});

test.each(["sk_env_live_abc", 'pk_env_live_"+alert(1)+"', "", "pk_$&"])(
  "the key %j never gets into the script",
  async (key) => {
    clientKey = key;
    expect(await (await get("/client.js")).text()).toBe(bundle["client.js"]);
    clientKey = null;
  },
);

test("what a browser has already is not sent again", async () => {
  const etag = (await get("/client.js")).headers.get("etag") ?? "";
  for (const held of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
    const response = await get("/client.js", { "if-none-match": held });
    expect([response.status, response.headers.get("etag"), await response.text()]).toEqual([304, etag, ""]);
  }
  expect((await get("/client.js", { "if-none-match": '"old"' })).status).toBe(200);
});

test.each([
  ["gzip, deflate, br, zstd", true],
  ["br;q=1, gzip;q=0.5", true],
  ["gzip;q=0", false],
  ["gzip;q=0.0, br", false],
  ["br", false],
  ["", false],
])("to a browser that accepts %j it is gzipped: %s", async (accepted, isGzip) => {
  const response = await get("/client.js", { "accept-encoding": accepted });
  expect(response.headers.get("content-encoding")).toBe(isGzip ? "gzip" : null);
  const bytes = new Uint8Array(await response.arrayBuffer());
  expect(new TextDecoder().decode(isGzip ? gunzipSync(bytes) : bytes)).toBe(bundle["client.js"]);
  expect(response.headers.get("etag")?.endsWith('-gzip"')).toBe(isGzip);
});
