import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { applyConfig, currentConfig } from "../../engine/config/apply.ts";
import { sampleConfig, seedWorkflow } from "../fakes/sample-config.ts";
import { createWorld, type World } from "../fakes/world.ts";
import { createOperator, type Operator } from "./operator.ts";

let world: World;
let operator: Operator;
beforeEach(async () => {
  world = await createWorld();
  operator = await createOperator(world);
  await operator.scrip("config", "pull");
});
afterEach(async () => {
  await operator.close();
  await world.close();
});

async function versionOnServer() {
  return (await currentConfig(world.engine, "env_preview")).version;
}

async function somebodyElseApplies() {
  const config = { ...sampleConfig(), variables: { GREETING: "from somebody else" } };
  await applyConfig(world.engine, "env_preview", config, { author: "else", dryRun: false, expectedVersion: null });
}

describe("the difference", () => {
  test("is none right after a pull", async () => {
    const { exitCode, out } = await operator.scrip("config", "diff");
    expect({ exitCode, out }).toEqual({
      exitCode: 0,
      out: "✔ scrip.config.json says the same as version 2 of env_preview at http://scrip.test",
    });
  });

  test("shows values beside each other and workflows line by line", async () => {
    await operator.edit("scrip.config.json", "£10.00", "£12.00");
    await operator.edit("workflows/stripe-checkout.wf.ts", "Failed to create checkout session", "Closed");
    const { exitCode, out } = await operator.scrip("config", "diff");
    expect(exitCode).toBe(1);
    expect(out).toContain('~ offers.premium.presentation.price  "£10.00" → "£12.00"');
    expect(out).toContain("~ redemptionMethods.stripe-checkout.workflow  workflows/stripe-checkout.wf.ts");
    expect(out).toContain(
      '    -     return { success: false, statusCode: 502, message: "Failed to create checkout session" };',
    );
    expect(out).toContain('    +     return { success: false, statusCode: 502, message: "Closed" };');
    expect(out).toContain("2 changed");
    expect(await versionOnServer()).toBe(2);
  });

  test("is coloured where colours are wanted", async () => {
    await operator.edit("scrip.config.json", "£10.00", "£12.00");
    operator.env.FORCE_COLOR = "1";
    expect((await operator.scrip("config", "diff")).out).toContain('\x1b[32m"£12.00"\x1b[39m');
  });

  test("is JSON with --json", async () => {
    await operator.edit("scrip.config.json", "£10.00", "£12.00");
    const { exitCode, answer } = await operator.json("config", "diff");
    expect(exitCode).toBe(1);
    expect(answer).toEqual({
      status: "success",
      version: 2,
      pulledVersion: 2,
      changed: true,
      difference: [{ op: "changed", path: "offers.premium.presentation.price", before: "£10.00", after: "£12.00" }],
    });
  });

  test("says so when only the order differs", async () => {
    const document = JSON.parse(await operator.read("scrip.config.json"));
    await operator.write(
      "scrip.config.json",
      JSON.stringify({ ...document, products: document.products.toReversed() }),
    );
    const { exitCode, out } = await operator.scrip("config", "diff");
    expect(exitCode).toBe(1);
    expect(out).toContain('products (order)  ["digital","print"] → ["print","digital"]');
  });

  test("names the path and the member of what is not valid, and the place in a workflow's file", async () => {
    await operator.edit("scrip.config.json", '"onRefund": "revoke"', '"onRefund": "perhaps"');
    await operator.edit("workflows/stripe-checkout.wf.ts", "const session = await", "const session = = await");
    const { exitCode, err } = await operator.scrip("config", "diff");
    expect(exitCode).toBe(2);
    expect(err).toContain("  plans.0(monthly).onRefund  ");
    expect(err).toContain('workflows/stripe-checkout.wf.ts:13:19  Unexpected "="');
    expect(err).toContain("> 13 │   const session = = await");
    expect(err).toContain("✖ The configuration has 2 problems");
  });
});

describe("pushing", () => {
  test("asks, and applies the next version on yes", async () => {
    await operator.edit("scrip.config.json", "£10.00", "£12.00");
    operator.answers = () => "y";
    const { exitCode, out, err } = await operator.scrip("config", "push");
    expect(exitCode).toBe(0);
    expect(out).toContain('"£10.00" → "£12.00"');
    expect(err).toContain("Apply to env_preview at http://scrip.test as version 3? [y/N]");
    expect(out).toContain("✔ scrip.config.json: Applied as version 3 of env_preview at http://scrip.test");
    expect(await versionOnServer()).toBe(3);
    expect((await operator.scrip("config", "diff")).exitCode).toBe(0);
    expect((await operator.scrip("config", "pull")).out).not.toMatch(/updated|kept/);
  });

  test.each(["", "n", "nope", "yess"])("applies nothing on %j", async (answer) => {
    await operator.edit("scrip.config.json", "£10.00", "£12.00");
    operator.answers = () => answer;
    const { exitCode, err } = await operator.scrip("config", "push");
    expect(exitCode).toBe(1);
    expect(err).toContain("Nothing was applied");
    expect(await versionOnServer()).toBe(2);
  });

  test("without a terminal wants --yes", async () => {
    await operator.edit("scrip.config.json", "£10.00", "£12.00");
    const refused = await operator.scrip("config", "push");
    expect(refused.exitCode).toBe(2);
    expect(refused.err).toContain("Add --yes to apply without asking");
    expect(await versionOnServer()).toBe(2);
    const { exitCode, answer } = await operator.json("config", "push", "--yes");
    expect(exitCode).toBe(0);
    expect(answer).toMatchObject({ status: "success", version: 3, changed: true, difference: [{ op: "changed" }] });
  });

  test("does nothing when there is nothing to apply", async () => {
    const { exitCode, out } = await operator.scrip("config", "push");
    expect(exitCode).toBe(0);
    expect(out).toContain("Nothing to apply: it says the same as version 2");
  });

  test("refuses when the server went on since the pull, unless forced", async () => {
    await operator.edit("scrip.config.json", "£10.00", "£12.00");
    await somebodyElseApplies();
    const refused = await operator.scrip("config", "push", "--yes");
    expect(refused.exitCode).toBe(2);
    expect(refused.err).toContain("is at version 3 by now, and you pulled version 2");
    expect(await versionOnServer()).toBe(3);
    expect((await operator.scrip("config", "diff")).err).toContain("You pulled version 2");
    expect((await operator.scrip("config", "push", "--yes", "--force")).exitCode).toBe(0);
    expect(await versionOnServer()).toBe(4);
  });

  test("applies nothing when another version comes while it asks", async () => {
    await operator.edit("scrip.config.json", "£10.00", "£12.00");
    operator.answers = async () => {
      await somebodyElseApplies();
      return "y";
    };
    const { exitCode, err } = await operator.scrip("config", "push");
    expect(exitCode).toBe(2);
    expect(err).toContain("The configuration is at version 3 by now");
    expect((await currentConfig(world.engine, "env_preview")).config.variables).toEqual({
      GREETING: "from somebody else",
    });
  });

  test("takes a document that was never pulled, workflows in it included, and says what it replaces", async () => {
    const config = { ...sampleConfig(), variables: { GREETING: "inline" } };
    await operator.write("own/inline.json", JSON.stringify(config));
    const { exitCode, err } = await operator.scrip("config", "push", "own/inline.json", "--yes");
    expect(exitCode).toBe(0);
    expect(err).toContain("This document was not pulled from env_preview at http://scrip.test: it replaces version 2");
    expect((await currentConfig(world.engine, "env_preview")).config.variables).toEqual({ GREETING: "inline" });
  });
});

describe("a document is refused before anything is sent", () => {
  test("when it is not there", async () => {
    const { exitCode, err } = await operator.scrip("config", "diff", "nope.json");
    expect(exitCode).toBe(2);
    expect(err).toMatch(
      /✖ Cannot read .*nope\.json: it is not there\n {2}Get it from the server with `scrip config pull`/,
    );
  });

  test("when it is not JSON, with the place", async () => {
    await operator.write("bad.json", '{\n  "products": [,]\n}');
    const { exitCode, err } = await operator.scrip("config", "diff", "bad.json");
    expect(exitCode).toBe(2);
    expect(err).toContain("bad.json:2:16  ");
    expect(err).toContain('> 2 │   "products": [,]');
  });

  test.each([
    ["workflows/gone.wf.ts", "cannot read workflows/gone.wf.ts: it is not there"],
    ["workflows", "cannot read workflows: it is a folder"],
    ["../elsewhere.wf.ts", "../elsewhere.wf.ts is outside the document's folder"],
    ["/etc/hostname", "/etc/hostname is outside the document's folder"],
  ])("when it refers to %s", async (named, message) => {
    await operator.edit("scrip.config.json", "workflows/stripe-checkout.wf.ts", named);
    const { exitCode, answer } = await operator.json("config", "push", "--yes");
    expect(exitCode).toBe(2);
    expect(answer.problems).toEqual([{ path: "redemptionMethods.0.workflow", message, place: null }]);
    expect(await versionOnServer()).toBe(2);
  });
});

test("the workflow that is pushed is the file's", async () => {
  const source = seedWorkflow.replace("502", "503");
  await operator.write("workflows/stripe-checkout.wf.ts", source);
  await operator.scrip("config", "push", "--yes");
  const { config } = await currentConfig(world.engine, "env_preview");
  expect(config.redemptionMethods[0]?.workflow).toBe(source);
});
