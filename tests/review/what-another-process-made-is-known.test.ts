import { afterEach, expect, test } from "vitest";
import { createKey } from "../../engine/keys.ts";
import { ask, decideFor, redeemAs } from "../fakes/requests.ts";
import { createWorld, type World } from "../fakes/world.ts";

const worlds: World[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

/** Two processes of one database, both of which have the environment in memory. */
async function two(): Promise<[World, World]> {
  const first = await createWorld();
  const second = await createWorld({ file: first.file, stripe: first.stripe });
  worlds.push(second, first);
  await decideFor(second, { userIdentifier: "a" });
  return [first, second];
}

test("a key is known to every one of many requests at once", async () => {
  const [first, second] = await two();
  const { key } = await createKey(first.engine, "env_preview", "sk", "new");
  const body = { surfaceSlug: "web", identity: { userIdentifier: "a" } };
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => ask(second, "POST", "/api/v1/surface-decisions", { key, body })),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
});

test("an offer that has just been published elsewhere can be redeemed", async () => {
  const [first, second] = await two();
  const at = "/api/v1/manage/environments/env_preview/config";
  const { body } = await ask(first, "GET", at, { key: first.adminToken });
  body.config.offers.push({ ...body.config.offers[0], slug: "second" });
  body.config.experiences[0].offers = ["second"];
  await ask(first, "PUT", at, { key: first.adminToken, body: body.config });
  const token = (await decideFor(first, { userIdentifier: "a" })).body.offers[0].token;
  expect((await redeemAs(second, { userIdentifier: "a" }, token)).status).toBe(200);
});
