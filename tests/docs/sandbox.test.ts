import { expect, test } from "vitest";
import { hostileCases } from "../hostile/cases/all.ts";
import { markedTable, plain, readDocument } from "./marked-blocks.ts";

test("the page counts the hostile corpus by family", () => {
  const [, ...rows] = markedTable(readDocument("docs/sandbox.md"), "families");
  const told = rows.map(([family = "", cases = ""]) => [plain(family), Number(cases)]);
  expect(told).toEqual(Object.entries(hostileCases).map(([family, cases]) => [family, cases.length]));
});

test("no two cases of the corpus have one name", () => {
  const names = Object.values(hostileCases).flatMap((cases) => cases.map(({ name }) => name));
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});
