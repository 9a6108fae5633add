import { existsSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { documents, readDocument, root } from "./marked-blocks.ts";

/** A document's text without its code. */
function prose(path: string): string {
  return readDocument(path).replace(/^```[\s\S]*?^```$/gm, "");
}

/** The anchors that GitHub gives to the headings of a document. */
function anchors(path: string): string[] {
  return [...prose(path).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replaceAll(" ", "-"),
  );
}

function deadLinks(path: string): string[] {
  const targets = [...prose(path).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
  return targets.filter((target) => {
    if (/^https?:/.test(target)) return false;
    const [file = "", anchor] = target.split("#");
    const linked = file === "" ? path : normalize(join(dirname(path), file));
    if (!existsSync(join(root, linked))) return true;
    return anchor !== undefined && !anchors(linked).includes(anchor);
  });
}

test.each(documents())("every link of %s leads somewhere", (path) => {
  expect(deadLinks(path)).toEqual([]);
});

test.each(documents())("every file that %s names is there", (path) => {
  const named = /`((?:schemas|engine|api|cli|workflows|demo|local-stripe|bench|tests|docs)\/[\w./-]*)`/g;
  const missing = [...prose(path).matchAll(named)].map(([, file = ""]) => file).filter((file) => !isThere(file));
  expect(missing).toEqual([]);
});

function isThere(file: string): boolean {
  const path = join(root, file);
  return existsSync(path) && (file.endsWith("/") ? statSync(path).isDirectory() : true);
}

test("every decision is listed, and its heading is its number and a name", () => {
  const pages = documents().filter((path) => /^docs\/decisions\/\d{4}-/.test(path));
  const index = readDocument("docs/decisions/README.md");
  for (const path of pages) {
    const [, number = ""] = /\/(\d{4})-/.exec(path) ?? [];
    expect(index).toContain(path.replace("docs/decisions/", ""));
    const text = readDocument(path);
    expect(text).toMatch(new RegExp(`^# ${number} \\S`));
    for (const part of ["**Context.**", "**Decision.**", "**Consequences.**"]) expect(text, path).toContain(part);
  }
});
