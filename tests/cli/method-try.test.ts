import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { method, seedWorkflow } from "../fakes/sample-config.ts";
import { createWorld, type World } from "../fakes/world.ts";
import { createOperator, type Operator } from "./operator.ts";

let world: World;
let operator: Operator;
beforeAll(async () => {
  world = await createWorld({
    config: (config) => ({
      ...config,
      redemptionMethods: [...config.redemptionMethods, method("unused", "export default () => ({ success: true })")],
    }),
  });
});
afterAll(() => world.close());
beforeEach(async () => {
  operator = await createOperator(world);
  await operator.write("stripe-checkout.wf.ts", seedWorkflow);
});
afterEach(() => operator.close());

test("a file is tried in its method's place, and the run is shown", async () => {
  await operator.edit(
    "stripe-checkout.wf.ts",
    "const { accountId",
    'console.warn("about to\\x1b[2J sell");\n  const { accountId',
  );
  const { exitCode, out } = await operator.scrip(
    "method",
    "try",
    "stripe-checkout.wf.ts",
    "--as",
    "reader@example.com",
  );
  expect(exitCode).toBe(0);
  const lines = out.split("\n");
  expect(lines[0]).toBe("stripe-checkout  offer premium · plan monthly · as reader@example.com");
  expect(lines[1]).toMatch(/^✔ success 200 {2}\d+(\.\d)? ms, CPU \d+(\.\d)? ms$/);
  expect(lines[2]).toMatch(/^ {2}navigate {4}http:\/\/stripe\.test\/c\/pay\/cs_test_/);
  expect(lines[3]).toBe("Logs");
  expect(lines[4]).toMatch(/^ +\+\d+ ms {2}warn {3}about to�\[2J sell$/);
  expect(lines[5]).toBe("Host calls");
  expect(lines[6]).toMatch(/^ +\d+(\.\d)? ms {2}200 {2}stripe\.fetch POST \/v1\/checkout\/sessions {2}acct_world$/);
  expect(lines[7]).toMatch(/^event [0-9a-f-]{36}$/);
});

test("a method is tried as it is on the server", async () => {
  const { exitCode, out } = await operator.scrip("method", "try", "stripe-checkout", "--anonymous");
  expect(exitCode).toBe(0);
  expect(out).toContain(
    "stripe-checkout (the version in force)  offer premium · plan monthly · as visitor (anonymous)",
  );
  expect(out).toContain("● refused 401");
  expect(out).toContain("  navigate    https://example.com/sign-up?offerToken=");
});

test("a workflow that throws ends with 1, and its line is shown", async () => {
  await operator.edit(
    "stripe-checkout.wf.ts",
    "const { accountId",
    'throw new Error("no\\nsuch thing");\n  const { accountId',
  );
  const { exitCode, out } = await operator.scrip("method", "try", "stripe-checkout.wf.ts");
  expect(exitCode).toBe(1);
  expect(out).toContain("✖ The workflow broke");
  expect(out).toContain("the workflow threw Error: no");
  expect(out).toContain('> 12 │   throw new Error("no\\nsuch thing");');
});

test("what Stripe and the host refuse is shown with the call", async () => {
  const source = `export default async ({ offer, utils }) => {
  const { accountId } = offer.redemption;
  await utils.integrations.stripe.fetch(accountId, { method: "POST", path: "/v1/checkout/sessions", body: { mode: "x" } });
  await utils.integrations.stripe.fetch("acct_other", { method: "GET", path: "/v1/prices" }).catch(() => null);
  return { success: false, message: "sorry", properties: { tried: 2 } };
};`;
  await operator.write("mine.wf.js", source);
  const { exitCode, out } = await operator.scrip("method", "try", "mine.wf.js", "--method", "stripe-checkout");
  expect(exitCode).toBe(0);
  expect(out).toContain("● refused 400");
  expect(out).toContain("  message     sorry");
  expect(out).toContain("  properties  {");
  expect(out).toMatch(/400 {2}stripe\.fetch POST \/v1\/checkout\/sessions {2}acct_world\n +Invalid mode/);
  expect(out).toMatch(/err {2}stripe\.fetch GET \/v1\/prices {2}acct_other\n +unknown Stripe account acct_other/);
});

test("a source that does not compile is an error with its place", async () => {
  await operator.edit("stripe-checkout.wf.ts", "const session = await", "const session = = await");
  const { exitCode, err } = await operator.scrip("method", "try", "stripe-checkout.wf.ts");
  expect(exitCode).toBe(2);
  expect(err).toContain('stripe-checkout.wf.ts:13:19  Unexpected "="');
});

test.each([
  [["nope"], 'No redemption method "nope"'],
  [["gone.wf.ts"], "gone.wf.ts: it is not there"],
  [["unused"], 'There is not an offer that uses the method "unused"'],
  [["stripe-checkout", "--offer", "nope"], 'There is not an offer "nope"'],
  [["stripe-checkout", "--plan", "nope"], 'The offer "premium" has no plan "nope"'],
])("%j cannot be tried", async (argv, message) => {
  const { exitCode, err } = await operator.scrip("method", "try", ...argv);
  expect(exitCode).toBe(2);
  expect(err).toContain(message);
});

test("the whole run is printed with --json", async () => {
  const { exitCode, answer } = await operator.json("method", "try", "stripe-checkout.wf.ts");
  expect(exitCode).toBe(0);
  expect(answer).toMatchObject({
    status: "success",
    ok: true,
    method: "stripe-checkout",
    offer: "premium",
    plan: "monthly",
    run: { verdict: { kind: "result" }, outcome: "returned", input: { env: { GREETING: "hello" } } },
  });
});
