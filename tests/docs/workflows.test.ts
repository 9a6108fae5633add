import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { afterAll, describe, expect, test } from "vitest";
import { typeCheck } from "../../cli/type-check.ts";
import { compileWorkflow } from "../../engine/sandbox/esbuild-compiler.ts";
import { createProcessPool } from "../../engine/sandbox/process-pool.ts";
import { createTally } from "../../engine/sandbox/tally.ts";
import type { HostAnswer, HostCall } from "../../engine/sandbox.ts";
import type { Json } from "../../schemas/json.ts";
import { defaultBudgets } from "../../schemas/workflow.ts";
import { markedBlocks, markedTable, plain, readDocument, root } from "./marked-blocks.ts";

const page = readDocument("docs/workflows.md");
const workflows = new Map(
  markedBlocks(page)
    .filter(({ mark }) => mark.startsWith("workflow "))
    .map(({ mark, text }) => [mark.slice("workflow ".length), text]),
);

const sandbox = createProcessPool({ processes: 1 });
afterAll(() => sandbox.close());

/** Runs a source of the page; every call of the host gets `answer`, or what it says of the call. */
async function run(
  source: string,
  input: Json,
  answer: HostAnswer | ((call: HostCall) => HostAnswer) = { ok: true, value: null },
) {
  const compilation = await compileWorkflow(source);
  if (!compilation.ok) throw new Error(JSON.stringify(compilation.problems));
  const calls: HostCall[] = [];
  const job = { runId: crypto.randomUUID(), tenant: "env:docs", module: compilation.workflow, input };
  const { outcome, logs } = await sandbox.run({ ...job, budgets: defaultBudgets }, async (call) => {
    calls.push(call);
    return typeof answer === "function" ? answer(call) : answer;
  });
  return { outcome, logs: logs.map(({ message }) => message), calls };
}

const sourceOf = (name: string) => workflows.get(name) ?? "";
const identity = { userType: "authenticated", identifier: "buyer@example.com" };

test("every TypeScript block of the page is a workflow", () => {
  expect(page.match(/^```ts$/gm)).toHaveLength(workflows.size);
});

test("the workflows of the page compile, and an editor finds nothing wrong with them", async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "scrip-docs-")));
  try {
    const files = [...workflows].map(([name, source]) => ({ file: join(folder, `${name}.wf.ts`), source }));
    await Promise.all(files.map(({ file, source }) => writeFile(file, source)));
    const names = files.map(({ file }) => file);
    expect(await typeCheck(names, root)).toEqual([]);
    for (const [name, source] of workflows) expect((await compileWorkflow(source)).ok, name).toBe(true);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("the first workflow is that of the demo, to the letter", () => {
  expect(`${sourceOf("stripe-checkout")}\n`).toBe(readDocument("workflows/stripe-checkout.wf.ts"));
});

describe("as the page says,", () => {
  test("the recipe sells to a user and sends a visitor to sign up", async () => {
    const offer = { token: "t", redemption: { accountId: "acct_1", instructions: { mode: "payment" } } };
    const session = { ok: true, status: 200, headers: {}, body: { url: "https://stripe.test/1" } };
    const sold = await run(sourceOf("stripe-checkout"), { identity, offer }, { ok: true, value: session });
    expect(sold.outcome).toMatchObject({ value: { success: true, action: "navigate", url: "https://stripe.test/1" } });
    const visitor = await run(sourceOf("stripe-checkout"), { identity: { userType: "anonymous" }, offer });
    expect(visitor.outcome).toMatchObject({ value: { success: false, statusCode: 401 } });
  });

  test("buyers come back by the server's own address, to where the workflow says", async () => {
    const utils = { returnEndpoint: "https://scrip.test/api/v1/purchases/return" };
    const offer = { redemption: { accountId: "acct_1", instructions: { mode: "payment" } } };
    const answer = { ok: true, status: 200, headers: {}, body: { url: "https://stripe.test/1" } };
    const { calls } = await run(sourceOf("return"), { identity, offer, utils }, { ok: true, value: answer });
    const to = (page: string) =>
      `${utils.returnEndpoint}?to=${encodeURIComponent(page)}&session_id={CHECKOUT_SESSION_ID}`;
    expect(calls[0]?.args).toMatchObject({
      request: {
        body: { success_url: to("https://news.example.com/welcome"), cancel_url: to("https://news.example.com/plans") },
      },
    });
  });

  test("a welcome is given to a user who has not been welcomed, and remembered", async () => {
    const offer = { token: "t", redemption: { product: "digital" } };
    const visitor = await run(sourceOf("welcome"), { identity: { userType: "anonymous" }, offer });
    expect(visitor.outcome).toMatchObject({ value: { statusCode: 401 } });
    const told: Record<string, Json> = {
      "entitlements.has": false,
      "identity.readCustomData": null,
      "entitlements.grant": { id: "ent_1", product: "digital", startedAt: "2026-01-01", endedAt: "2026-01-15" },
      "identity.writeCustomData": null,
    };
    const given = await run(sourceOf("welcome"), { identity, offer }, ({ name }) => ({
      ok: true,
      value: told[name] ?? null,
    }));
    expect(given.outcome).toMatchObject({ value: { success: true, properties: { until: "2026-01-15" } } });
    expect(given.calls.map(({ name }) => name)).toEqual(Object.keys(told));
    expect(given.calls[2]?.args).toEqual({ product: "digital", duration: "P14D", reason: "welcome gift" });
  });

  test("a gift is handed over", async () => {
    const { outcome, logs } = await run(sourceOf("gift"), { identity, offer: { redemption: { code: "G1" } } });
    expect(outcome).toEqual({
      kind: "returned",
      value: { success: true, message: "Enjoy", properties: { code: "G1" } },
    });
    expect(logs).toEqual(["gift for buyer@example.com"]);
  });

  test("a coupon is fetched with a secret", async () => {
    const input = { identity, offer: { redemption: { campaign: "spring" } }, env: { CRM_TOKEN: "s" } };
    const answered = (status: number, body: string): HostAnswer => ({
      ok: true,
      value: { status, statusText: "", url: "https://crm.example.com/coupons", headers: {}, body },
    });
    const got = await run(sourceOf("coupon"), input, answered(200, '{"coupon":"C1"}'));
    expect(got.outcome).toMatchObject({ value: { success: true, properties: { coupon: "C1" } } });
    expect(got.calls).toMatchObject([
      { name: "fetch", args: { method: "POST", headers: { authorization: "Bearer s" } } },
    ]);
    const refused = await run(sourceOf("coupon"), input, answered(500, "no"));
    expect(refused.outcome).toMatchObject({ value: { success: false, statusCode: 502 } });
    expect(refused.logs).toEqual(["the CRM said 500 no"]);
  });

  test("time stands still within a slice", async () => {
    const { outcome } = await run(sourceOf("time"), {});
    expect(outcome).toMatchObject({ value: { properties: { within: 0, waited: true, sum: 499_999_500_000 } } });
  });

  test("what it is given is frozen", async () => {
    const source = `export default ({ identity, utils }: any) => {
      const threw = (change: () => void) => { try { change(); return "nothing"; } catch (error: any) { return error.name; } };
      return { success: true, properties: { a: threw(() => { identity.userType = "x"; }), b: threw(() => { utils.more = 1; }) } };
    };`;
    const { outcome } = await run(source, { identity });
    expect(outcome).toMatchObject({ value: { properties: { a: "TypeError", b: "TypeError" } } });
  });
});

/** The names of a column: `a`, `b`. */
const namesIn = (table: string) => markedTable(page, table).flatMap(([cell]) => cell?.match(/(?<=`)\w+(?=`)/g) ?? []);

/** What `typeof` says of each global in the sandbox. */
async function typesOf(names: string[]): Promise<Json> {
  const { outcome } = await run(
    `export default ({ names }: any) => names.map((name: string) => typeof (globalThis as any)[name]);`,
    { names },
  );
  return outcome.kind === "returned" ? outcome.value : outcome.kind;
}

test("the globals that the page says are there are all that there are", async () => {
  const { outcome } = await run("export default () => Object.getOwnPropertyNames(globalThis);", {});
  const there = outcome.kind === "returned" && Array.isArray(outcome.value) ? outcome.value.map(String) : [];
  // a bare context of V8 has the language's own, and a console
  const language = new Set(runInNewContext("Object.getOwnPropertyNames(globalThis)"));
  const beside = there.filter((name) => name === "console" || !(language.has(name) || name === "__workflow"));
  expect(namesIn("globals present").toSorted()).toEqual(beside.toSorted());
});

test("the globals that the page says are not there are not", async () => {
  const names = namesIn("globals absent").filter((name) => !["Function", "EvalError"].includes(name));
  expect(new Set(Object.values((await typesOf(names)) ?? {}))).toEqual(new Set(["undefined"]));
});

test("the table of budgets has the defaults", () => {
  const written = markedTable(page, "budgets").slice(1);
  expect(Object.fromEntries(written.map(([name, value]) => [plain(name), Number(value)]))).toEqual(defaultBudgets);
});

test("the tables of outcomes and causes are the sandbox's closed unions", () => {
  const { runsEnded, hostFailures } = createTally();
  const named = (mark: string) =>
    markedTable(page, mark)
      .slice(1)
      .map(([name]) => plain(name))
      .toSorted();
  expect(named("outcomes")).toEqual(Object.keys(runsEnded).toSorted());
  expect(named("causes")).toEqual([...Object.keys(hostFailures), "cancelled"].toSorted());
});

test.each(["Identity", "Offer"])("the members of %s are those that the page names", (name) => {
  const types = readDocument("schemas/mos-workflow.d.ts");
  const [, body = ""] = new RegExp(`interface ${name}\\b.*?\\{\\n([\\s\\S]*?)\\n  \\}`).exec(types) ?? [];
  const members = [...body.matchAll(/^ {4}readonly (\w+)/gm)].map(([, member]) => `${name.toLowerCase()}.${member}`);
  expect(members.length).toBeGreaterThan(4);
  for (const member of members) expect(page).toContain(`| \`${member}\` |`);
});
