import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sourceOf, tryOf, worldOf } from "../fakes/methods.ts";
import type { World } from "../fakes/world.ts";

let world: World;
beforeAll(async () => {
  world = await worldOf({ any: "return { success: true };" });
});
afterAll(() => world.close());

/** Tries a source and gives its run, and all of it as text. */
async function runOf(workflow: string) {
  const { body, text, status } = await tryOf(world, "any", { workflow });
  expect(status, text).toBe(200);
  return { ...body.run, text };
}

/** What a stack tells of the places in the source, from the inside out. */
const placesIn = (stack: string) => stack.match(/workflow\.ts:\d+:\d+/g);

const typed = `type Cart = { items: number[] };
function total(cart: Cart): number {
  return cart.items.map((item: number): number => {
    if (item < 0) throw new RangeError("no item costs " + item);
    return item;
  }).reduce((a, b) => a + b);
}
export default async () => ({ success: total({ items: [1, -2] }) > 0 });`;

test("an error has its stack in the author's TypeScript, and what lies around it does not show", async () => {
  const { verdict, error, text } = await runOf(typed);
  expect(verdict.reason).toBe("the workflow threw RangeError: no item costs -2 (line 4, column 25)");
  expect(error).toMatchObject({ name: "RangeError", message: "no item costs -2", line: 4, column: 25 });
  expect(placesIn(error.stack)).toEqual(["workflow.ts:4:25", "workflow.ts:3:21", "workflow.ts:8:40"]);
  expect(text).not.toMatch(/scrip:prelude|workflow\.js|isolated-vm|node_modules|file:\/\//);
});

describe("a call of the host that is refused", () => {
  test.each([
    ["fetch", 'await fetch("https://other.test/")', "outboundOrigins"],
    [
      "Stripe",
      'await utils.integrations.stripe.fetch("acct_x", { method: "GET", path: "/v1/prices" })',
      "unknown Stripe account",
    ],
    ["a grant", 'await utils.entitlements.grant({ product: "x" })', "there is no product"],
    ["what cannot be sent", "await utils.entitlements.grant({ product: () => 1 })", '"product" is a function'],
    ["a return address", 'utils.purchase.returnUrl("ftp://a.test")', "utils.purchase.returnUrl takes an address"],
    [
      "after a timer",
      'await new Promise((done) => setTimeout(done, 1)); await Promise.all([fetch("https://other.test/")])',
      "outboundOrigins",
    ],
  ])("(%s) is an error of the line that called", async (_what, call, message) => {
    const { error, text } = await runOf(sourceOf(`\n\n  ${call};\n`));
    expect(error.message).toContain(message);
    expect(error.line).toBe(3);
    expect(placesIn(error.stack)?.[0]).toMatch(/^workflow\.ts:3:/);
    expect(text).not.toMatch(/scrip:prelude|workflow\.js/);
  });
});

test("an error that is logged has the places of the source, too", async () => {
  const { logs, text } = await runOf(
    sourceOf(`\n  try { null.x } catch (error) { console.error("caught", error) }\n  return { success: true };`),
  );
  expect(placesIn(logs[0].message)).toEqual(["workflow.ts:2:14"]);
  expect(text).not.toMatch(/scrip:prelude|workflow\.js/);
});

test.each([
  "'just text'",
  "null",
  "{ stack: 1 }",
  "Object.assign(new Error('x'), { stack: { toString() { throw 1 } } })",
])("what is thrown may be anything: %s", async (thrown) => {
  const { verdict, error } = await runOf(sourceOf(`throw ${thrown};`));
  expect(verdict.kind).toBe("broken");
  expect(error).toMatchObject({ line: null, column: null, stack: expect.any(String) });
});

test("a fault of the host's own says nothing of the host", async () => {
  const { engine } = world;
  const { stripe } = engine;
  engine.stripe = () => {
    throw new TypeError("/srv/scrip/keys.json is gone");
  };
  try {
    const call = 'await utils.integrations.stripe.fetch("acct_world", { method: "GET", path: "/v1/prices" });';
    const { error, text } = await runOf(sourceOf(call));
    expect(error.message).toBe("internal error in the host");
    expect(text).not.toContain("/srv/");
  } finally {
    engine.stripe = stripe;
  }
  expect(world.faults.join()).toContain("/srv/scrip/keys.json is gone");
});
