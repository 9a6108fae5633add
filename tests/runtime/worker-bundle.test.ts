import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, expect, test } from "vitest";
import { bundleWorker } from "../../api/build-worker.ts";
import { compatibilityDate } from "../fakes/worker.ts";

const root = join(import.meta.dirname, "../..");
let bundle: string;
beforeAll(async () => {
  bundle = await bundleWorker();
});

test("the Worker's bundle has at most 1 MB compressed", () => {
  const bytes = gzipSync(bundle).byteLength;
  console.log(`the Worker's bundle: ${Math.round(bytes / 1024)} KiB compressed`);
  expect(bytes).toBeLessThanOrEqual(1_000_000);
});

test("the documents say about how large it is", () => {
  const said = /about (\d+) KiB/.exec(readFileSync(join(root, "docs/workers.md"), "utf8"))?.[1];
  expect(Math.abs(gzipSync(bundle).byteLength / 1024 - Number(said))).toBeLessThan(40);
});

test("the Worker imports nothing but what workerd has itself", () => {
  const imported = [...bundle.matchAll(/(?:from|import)\s*\(?"([^"]+)"/g)].map(([, name]) => name ?? "");
  expect(new Set(imported.filter((name) => /^(?:node|cloudflare):/.test(name)))).toEqual(
    new Set(["cloudflare:workers", "node:async_hooks", "node:crypto", "node:util", "node:zlib"]),
  );
});

test("the tests run it as wrangler.toml deploys it", () => {
  const wrangler = readFileSync(join(root, "wrangler.toml"), "utf8");
  expect(wrangler).toContain(`compatibility_date = "${compatibilityDate}"`);
  expect(wrangler).not.toContain("compatibility_flags");
});
