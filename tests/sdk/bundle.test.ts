import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { generate } from "../../sdk/build/generate.ts";
import { bundle } from "../../sdk/generated/bundle.ts";

const generated = await generate();
const names = Object.keys(generated);

test.each(names)("sdk/generated/%s is up to date: npm run generate:sdk", (name) => {
  expect(readFileSync(new URL(`../../sdk/generated/${name}`, import.meta.url), "utf8")).toBe(generated[name]);
});

test.each(["client.js", "client.mjs"] as const)("%s is at most 8 kB gzipped", (name) => {
  expect(gzipSync(bundle[name], { level: 9 }).byteLength).toBeLessThanOrEqual(8 * 1024);
});

test("the place for the server's key is in the script once, and nowhere else", () => {
  expect(bundle["client.js"].split("__SCRIP_PUBLIC_KEY__")).toHaveLength(2);
  expect(bundle["client.mjs"]).not.toContain("__SCRIP_PUBLIC_KEY__");
});

test.each(["client.js", "client.mjs"] as const)("%s evaluates no text and brings no other package", (name) => {
  expect(bundle[name]).not.toMatch(/\beval\(|\bFunction\(|document\.write|\bimport\(|valibot/);
});
