import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { applyConfig, currentConfig } from "../../engine/config/apply.ts";
import { sampleConfig, seedWorkflow } from "../fakes/sample-config.ts";
import { createWorld, type World } from "../fakes/world.ts";
import { createOperator, type Operator, packageDir, serverUrl } from "./operator.ts";

let world: World;
let operator: Operator;
beforeEach(async () => {
  world = await createWorld();
  operator = await createOperator(world);
});
afterEach(async () => {
  await operator.close();
  await world.close();
});

async function applyOnServer(change: (config: ReturnType<typeof sampleConfig>) => void) {
  const config = sampleConfig();
  change(config);
  await applyConfig(world.engine, "env_preview", config, { author: "else", dryRun: false, expectedVersion: null });
}

test("pulling writes the document, each workflow beside it, types and a tsconfig", async () => {
  const { exitCode, out } = await operator.scrip("config", "pull");
  expect(exitCode).toBe(0);
  expect(out).toContain("created    workflows/stripe-checkout.wf.ts");
  expect(out).toContain("✔ Pulled version 2 of env_preview at http://scrip.test");
  const document = JSON.parse(await operator.read("scrip.config.json"));
  expect(document.redemptionMethods[0].workflow).toEqual({ file: "workflows/stripe-checkout.wf.ts" });
  expect(document.offers[0]).toMatchObject({ slug: "premium", limits: { total: null, perCustomer: null } });
  expect(await operator.read("workflows/stripe-checkout.wf.ts")).toBe(seedWorkflow);
  const published = await readFile(join(packageDir, "schemas/mos-workflow.d.ts"), "utf8");
  expect(await operator.read("types/mos-workflow.d.ts")).toBe(published);
  expect(JSON.parse(await operator.read("tsconfig.json")).compilerOptions.types).toEqual([]);
});

test("pulling leaves a tsconfig that is there as it is", async () => {
  await operator.write("tsconfig.json", "{}");
  await operator.scrip("config", "pull");
  expect(await operator.read("tsconfig.json")).toBe("{}");
});

test.each(["site", "new/"])(
  "a folder stands for the document in it, to pull, to compare and to push: %s",
  async (folder) => {
    await operator.write("site/notes.txt", "");
    const pulled = await operator.scrip("config", "pull", folder);
    expect(pulled).toMatchObject({ exitCode: 0, out: expect.stringContaining(join(folder, "scrip.config.json")) });
    expect(JSON.parse(await operator.read(join(folder, "scrip.config.json"))).offers).toHaveLength(1);
    expect((await operator.scrip("config", "diff", folder)).exitCode).toBe(0);
    expect((await operator.scrip("config", "push", folder, "--yes")).exitCode).toBe(0);
  },
);

test("pulling again changes nothing", async () => {
  await operator.scrip("config", "pull", "site/mine.json");
  const { exitCode, answer } = await operator.json("config", "pull", "site/mine.json");
  expect(exitCode).toBe(0);
  expect(answer).toMatchObject({
    status: "success",
    url: serverUrl,
    environmentId: "env_preview",
    version: 2,
    unused: [],
  });
  expect(new Set(answer.files.map(({ outcome }: { outcome: string }) => outcome))).toEqual(new Set(["unchanged"]));
});

test("what changed on the server alone is updated, what changed here alone is kept", async () => {
  await operator.scrip("config", "pull");
  await operator.edit("workflows/stripe-checkout.wf.ts", "Failed to create", "Could not create");
  await applyOnServer((config) => {
    config.variables.GREETING = "good day";
  });
  const { exitCode, out } = await operator.scrip("config", "pull");
  expect(exitCode).toBe(0);
  expect(out).toContain("updated    scrip.config.json");
  expect(out).toContain("kept       workflows/stripe-checkout.wf.ts  (your changes)");
  expect(await operator.read("scrip.config.json")).toContain("good day");
  expect(await operator.read("workflows/stripe-checkout.wf.ts")).toContain("Could not create");
});

test("what changed on both sides is overwritten with --force only", async () => {
  await operator.scrip("config", "pull");
  const mine = seedWorkflow.replace("Failed", "Mine failed");
  await operator.write("workflows/stripe-checkout.wf.ts", mine);
  await applyOnServer((config) => {
    config.redemptionMethods = config.redemptionMethods.map((method) => ({
      ...method,
      workflow: seedWorkflow.replace("Failed", "Theirs failed"),
    }));
    config.variables.GREETING = "good day";
  });
  const refused = await operator.scrip("config", "pull");
  expect(refused.exitCode).toBe(2);
  expect(refused.err).toContain("workflows/stripe-checkout.wf.ts  differs from what the server has");
  expect(refused.err).toContain("Nothing was pulled, because changes of yours would be lost");
  expect(refused.err).toContain("--force");
  expect(await operator.read("workflows/stripe-checkout.wf.ts")).toBe(mine);
  expect(await operator.read("scrip.config.json")).not.toContain("good day");
  expect((await operator.scrip("config", "pull", "--force")).exitCode).toBe(0);
  expect(await operator.read("workflows/stripe-checkout.wf.ts")).toContain("Theirs failed");
});

test("a file that was there before the first pull is not overwritten", async () => {
  await operator.write("workflows/stripe-checkout.wf.ts", "// mine");
  const { exitCode, answer } = await operator.json("config", "pull");
  expect(exitCode).toBe(2);
  expect(answer).toMatchObject({
    status: "error",
    code: "local_changes",
    problems: [{ path: "workflows/stripe-checkout.wf.ts" }],
  });
  await expect(operator.read("scrip.config.json")).rejects.toThrow("ENOENT");
});

test("a document that was only laid out anew counts as unchanged", async () => {
  await operator.scrip("config", "pull");
  await operator.write("scrip.config.json", JSON.stringify(JSON.parse(await operator.read("scrip.config.json"))));
  const { out } = await operator.scrip("config", "pull");
  expect(out).toContain("unchanged  scrip.config.json");
});

test("a workflow stays in the file that the document names for it", async () => {
  await operator.scrip("config", "pull");
  await operator.edit("scrip.config.json", "workflows/stripe-checkout.wf.ts", "checkout/main.wf.ts");
  await operator.write("checkout/main.wf.ts", seedWorkflow);
  const { exitCode, out } = await operator.scrip("config", "pull");
  expect(exitCode).toBe(0);
  expect(out).toContain("unchanged  checkout/main.wf.ts");
  expect(out).toContain("unused     workflows/stripe-checkout.wf.ts");
});

test("what is pulled is what the server has", async () => {
  await operator.scrip("config", "pull");
  const { config } = await currentConfig(world.engine, "env_preview");
  const document = JSON.parse(await operator.read("scrip.config.json"));
  document.redemptionMethods[0].workflow = seedWorkflow;
  expect(document).toEqual(JSON.parse(JSON.stringify(config)));
});
