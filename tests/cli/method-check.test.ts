import { afterEach, beforeEach, expect, test } from "vitest";
import { createOperator, type Operator } from "./operator.ts";

let operator: Operator;
beforeEach(async () => {
  operator = await createOperator(null);
});
afterEach(() => operator.close());

const typed = (body: string) =>
  `import type { RedemptionMethodWorkflow } from "mos:workflow";
const workflow: RedemptionMethodWorkflow = async ({ identity, offer, utils }) => {
${body}
};
export default workflow;
`;

async function problemsOf(source: string) {
  await operator.write("one.wf.ts", source);
  const { exitCode, answer } = await operator.json("method", "check", "one.wf.ts");
  expect(exitCode).toBe(answer.ok ? 0 : 1);
  return answer.files[0].problems;
}

test("good workflows pass", async () => {
  await operator.write("a.wf.ts", typed('  return { success: identity.userType === "authenticated" };'));
  await operator.write(
    "b.wf.js",
    'export default ({ offer }) => ({ success: true, action: "navigate", url: offer.token });',
  );
  const { exitCode, out } = await operator.scrip("method", "check", "a.wf.ts", "b.wf.js");
  expect({ exitCode, out }).toEqual({ exitCode: 0, out: "✔ a.wf.ts\n✔ b.wf.js" });
});

test("a problem is shown with its place and the code around it", async () => {
  await operator.write("bad.wf.ts", typed("\tconst n: number = offer.token;\n  return { success: true };"));
  await operator.write("good.wf.ts", typed("  return { success: true };"));
  const { exitCode, out } = await operator.scrip("method", "check", "bad.wf.ts", "good.wf.ts");
  expect(exitCode).toBe(1);
  expect(out.split("\n")).toEqual([
    "bad.wf.ts:3:8  Type 'string' is not assignable to type 'number'. (TS2322)",
    '  1 │ import type { RedemptionMethodWorkflow } from "mos:workflow";',
    "  2 │ const workflow: RedemptionMethodWorkflow = async ({ identity, offer, utils }) => {",
    "> 3 │ \tconst n: number = offer.token;",
    "    │ \t      ^",
    "  4 │   return { success: true };",
    "  5 │ };",
    "✔ good.wf.ts",
    "✖ 1 problem in 1 of 2 files",
  ]);
});

test.each([
  [
    "a result that is none",
    typed('  return { success: "yes" };'),
    2,
    7,
    "is not assignable to type 'RedemptionMethodWorkflow'",
  ],
  ["an unknown member", typed("  return { success: identity.admin };"), 3, 30, "Property 'admin' does not exist"],
  ["a syntax error", "export default () => {\n  const a = ;\n};", 2, 13, "Expression expected."],
  ["an import", 'import fs from "node:fs";\nexport default () => fs;', 1, 16, "nothing can be imported but types"],
  ["no default export", "const a = 1;", 1, 1, "the module has no default export"],
  ["a default export that is no function", "export default 1;", 1, 1, "the default export must be a function"],
  [
    "a global of Node",
    typed("  return { success: process.pid > 1 };"),
    3,
    21,
    "'process': a workflow does not have it",
  ],
  ["a global of browsers", typed("  return { success: window.closed };"), 3, 21, "'window'"],
])("%s is one problem, told once", async (_what, source, line, column, message) => {
  const problems = await problemsOf(source);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatchObject({ line, column, message: expect.stringContaining(message) });
});

test("a file that cannot be parsed does not hide the problems of others", async () => {
  await operator.write("a.wf.ts", "export default () => {\n  const a = ;\n};");
  await operator.write("b.wf.ts", typed("  return { success: 1 };"));
  const { answer } = await operator.json("method", "check", "a.wf.ts", "b.wf.ts");
  expect(answer.files.map(({ problems }: { problems: unknown[] }) => problems.length)).toEqual([1, 1]);
});

test("two files with the same names do not see each other", async () => {
  await operator.write("a.wf.ts", "const x = 1;\nexport default () => x;");
  await operator.write("b.wf.js", "const x = 2;\nexport default () => x;");
  expect((await operator.scrip("method", "check", "a.wf.ts", "b.wf.js")).exitCode).toBe(0);
});

test("a file that is not there is an error of another kind", async () => {
  const { exitCode, err } = await operator.scrip("method", "check", "gone.wf.ts");
  expect(exitCode).toBe(2);
  expect(err).toMatch(/✖ Cannot read .*gone\.wf\.ts: it is not there/);
});
