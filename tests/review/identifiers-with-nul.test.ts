import { afterEach, expect, test } from "vitest";
import { ask, redeemAs } from "../fakes/requests.ts";
import { createWorld, type World } from "../fakes/world.ts";

const worlds: World[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

// the driver reads "victim@example.com\\0x" back as "victim@example.com": its purchases, and the session after them, would
// be the victim's
test.each(["userIdentifier", "anonymousIdentifier"])("a %s with a NUL is refused everywhere", async (form) => {
  const world = await createWorld();
  worlds.push(world);
  const identity = { [form]: "victim@example.com\0x" };
  const answers = [
    await ask(world, "POST", "/api/v1/access-checks", { body: { identity } }),
    await ask(world, "POST", "/api/v1/surface-decisions", { body: { surfaceSlug: "web", identity } }),
    await ask(world, "POST", "/api/v1/purchases", { body: { planId: "monthly", identity } }),
    await redeemAs(world, identity, "any"),
  ];
  expect(answers.map(({ status, body }) => [status, body.code])).toEqual(answers.map(() => [400, "invalid_body"]));
});
