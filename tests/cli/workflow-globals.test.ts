import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { workflowGlobals } from "../../cli/workflow-globals.ts";
import { workflowTsconfig } from "../../cli/workflow-types.ts";
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

/** Uses what is declared, as an author would. */
const sample = `export default async () => {
  const url = new URL("/a?b=1", "https://api.example");
  url.searchParams.append("c", "2 3");
  const secret = new TextEncoder().encode("secret");
  const { read, written } = new TextEncoder().encodeInto("é", secret);
  const algorithm = { name: "HMAC", hash: "SHA-256" } as const;
  const key: CryptoKey = await crypto.subtle.importKey("raw", secret, algorithm, false, ["sign", "verify"]);
  const signature: ArrayBuffer = await crypto.subtle.sign("HMAC", key, secret);
  const right: boolean = await crypto.subtle.verify("HMAC", key, signature, secret);
  const digest = new Uint8Array(await crypto.subtle.digest({ name: "SHA-1" }, secret));
  const bytes: Uint8Array<ArrayBuffer> = await new Response(secret).bytes();
  const signal: AbortSignal = AbortSignal.any([new AbortController().signal, AbortSignal.abort()]);
  signal.addEventListener("abort", (event: Event) => event.preventDefault(), { once: true });
  const still: boolean = performance.now() === performance.now() && bytes.length === 6 && signal.aborted;
  const { location } = { location: Response.redirect("https://a.example", 303).headers.get("location") };
  if (!still || location === null || new Headers().getSetCookie().length > 0) throw new TypeError();
  const copy = structuredClone({ list: new Map([["a", new Date(0)]]) });
  let name = "";
  try { structuredClone(() => 1) } catch (error) { if (error instanceof DOMException) name = error.name + error.code }
  const body = new URLSearchParams({ id: crypto.randomUUID(), n: String(crypto.getRandomValues(new Uint8Array(4)).length) });
  return [url.href, read, written, right, signature.byteLength, digest.length, copy.list.get("a")?.getTime() ?? -1, name,
    [...body.keys()], key.algorithm.hash.name, URL.canParse("x"), [...url.searchParams].length];
};`;

test("a workflow that uses the declared globals passes the author's type check, and runs", async () => {
  const folder = mkdtempSync(join(tmpdir(), "scrip-globals-"));
  try {
    writeFileSync(join(folder, "sample.ts"), sample);
    writeFileSync(join(folder, "workflow-globals.d.ts"), workflowGlobals);
    writeFileSync(join(folder, "tsconfig.json"), workflowTsconfig(["*.ts"]));
    const tsc = join(import.meta.dirname, "../../node_modules/typescript/lib/tsc.js");
    expect(execFileSync(process.execPath, [tsc, "--project", folder]).toString()).toBe("");
  } finally {
    rmSync(folder, { recursive: true });
  }
  const compilation = await compileWorkflow(sample);
  if (!compilation.ok) throw new Error("does not compile");
  const job = { runId: "2", tenant: "env:sample", module: compilation.workflow, input: {}, budgets: defaultBudgets };
  const { outcome } = await sandbox.run(job, async () => ({ ok: true, value: null }));
  const href = "https://api.example/a?b=1&c=2+3";
  const value = [href, 1, 2, true, 32, 20, 0, "DataCloneError25", ["id", "n"], "SHA-256", false, 2];
  expect(outcome).toEqual({ kind: "returned", value });
});
