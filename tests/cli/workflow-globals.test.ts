import { afterAll, expect, test } from "vitest";
import { workflowGlobals } from "../../cli/workflow-globals.ts";
import { compileWorkflow } from "../../engine/sandbox/esbuild-compiler.ts";
import { createProcessPool } from "../../engine/sandbox/process-pool.ts";
import { defaultBudgets } from "../../schemas/workflow.ts";

const sandbox = createProcessPool({ processes: 1 });
afterAll(() => sandbox.close());

/** The language's own, as this Node has them, and what it has beside. */
const languageNames =
  /^(?:[A-Z]\w*Error|[A-Z]\w*Array|Object|Function|Array|Number|parse\w+|Infinity|NaN|undefined|Boolean|String|Symbol|Date|Promise|RegExp|Error|globalThis|JSON|Math|Intl|ArrayBuffer|DataView|Map|BigInt|Set|Iterator|WeakMap|WeakSet|Proxy|Reflect|(?:de|en)codeURI(?:Component)?|(?:un)?escape|is(?:Finite|NaN)|(?:Async)?DisposableStack|__workflow)$/;

test("the declared globals are those of the sandbox", async () => {
  const compilation = await compileWorkflow("export default () => Object.getOwnPropertyNames(globalThis);");
  if (!compilation.ok) throw new Error("does not compile");
  const job = { runId: "1", tenant: "env:globals", module: compilation.workflow, input: {}, budgets: defaultBudgets };
  const { outcome } = await sandbox.run(job, async () => ({ ok: true, value: null }));
  if (outcome.kind !== "returned" || !Array.isArray(outcome.value)) throw new Error(JSON.stringify(outcome));
  const there = outcome.value.filter((name) => !languageNames.test(String(name)));
  const declared = [...workflowGlobals.matchAll(/^declare (?:class|function|var) (\w+)/gm)].map(([, name]) => name);
  expect(declared.toSorted()).toEqual(there.toSorted());
});
