import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DemoSetup, ensureDemo } from "../../demo/ensure-demo.ts";
import { currentConfig } from "../../engine/config/apply.ts";
import { createWorld, type World } from "../fakes/world.ts";
import { temporaryFolder } from "../runtime/server-process.ts";

let world: World;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
  // as an older demo left it: its site's address alone, and an operator's own variable
  const variables = { SITE_URL: "http://127.0.0.1:1/demo", OWN: "kept" };
  world = await createWorld({ config: (config) => ({ ...config, variables }) });
});
afterAll(async () => {
  await world.close();
  await folder.remove();
});

function setup(): DemoSetup {
  const stripe = { url: "http://stripe.test", accountId: "acct_world", secretKey: "sk_test_world" };
  return {
    dataDir: folder.path,
    url: "http://127.0.0.1:8787",
    jwks: { keys: [] },
    stripe: { ...stripe, premiumPriceId: null, webhookSecret: "whsec_of_the_demo" },
  };
}

test("a stored configuration gets the addresses of today, once, and keeps everything else", async () => {
  const before = await currentConfig(world.engine, "env_preview");
  await ensureDemo(world.engine, setup());
  const after = await currentConfig(world.engine, "env_preview");
  const variables = { SITE_URL: "http://127.0.0.1:8787/demo", SCRIP_URL: "http://127.0.0.1:8787", OWN: "kept" };
  expect(after.config).toEqual({ ...before.config, variables });
  await ensureDemo(world.engine, setup());
  expect((await currentConfig(world.engine, "env_preview")).version).toBe(after.version);
});

test("the keys of dev.json are kept, and new ones are made where it is gone or cannot be read", async () => {
  const first = await ensureDemo(world.engine, setup());
  expect(await ensureDemo(world.engine, setup())).toEqual(first);
  await writeFile(join(folder.path, "dev.json"), "{}");
  const second = await ensureDemo(world.engine, setup());
  expect(second.secretKey).not.toBe(first.secretKey);
  await rm(join(folder.path, "dev.json"));
  expect((await ensureDemo(world.engine, setup())).secretKey).not.toBe(second.secretKey);
});
