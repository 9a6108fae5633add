import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createEnvironment } from "../../engine/create-environment.ts";
import { stripeWebhookSecrets } from "../../schemas/tables.ts";
import { addRoles, expectDocumented, expectRole, manage } from "../fakes/management.ts";
import { fulfillIn, salesOf, sessionFor } from "../fakes/sales.ts";
import { createWorld, type World } from "../fakes/world.ts";
import { expectRefusal } from "./answers.ts";

const secrets = "integrations/stripe/acct_world/webhook-secrets";

let world: World;
beforeAll(async () => {
  world = await createWorld();
  await addRoles(world);
  await createEnvironment(world.engine, { id: "env_other", name: "Other" });
});
afterAll(() => world.close());
afterEach(async () => {
  for (const { id } of await listed()) await manage(world, `DELETE ${secrets}/${id}`);
  expect(world.faults.splice(0)).toEqual([]);
});

const add = (secret: unknown) => manage(world, `POST ${secrets}`, { body: { secret } });
const listed = async () => (await manage(world, `GET ${secrets}`)).body.secrets;
const endpoint = "https://scrip.test/api/v1/webhooks/stripe/acct_world";

/** Whether what Stripe tells with a secret is heard: somebody pays and nobody returns. */
async function isHeard(secret: string): Promise<boolean> {
  world.stripe.addWebhookEndpoint({ url: endpoint, secret });
  const identity = { userIdentifier: `buyer-${crypto.randomUUID()}@example.com` };
  const { id } = await sessionFor(world, identity);
  world.stripe.pay(id, { email: identity.userIdentifier });
  await world.stripe.settled();
  const { members } = await salesOf(world);
  await fulfillIn(world, id);
  return members.some(({ identifier }) => identifier === identity.userIdentifier);
}

describe("a secret of Stripe's webhooks", () => {
  test("lets them be heard from when it is added until it is removed", async () => {
    expect(await isHeard("whsec_the_first_one")).toBe(false);
    const answer = await add("whsec_the_first_one");
    await expectDocumented(world, "POST integrations/stripe/{accountId}/webhook-secrets", answer);
    expect(answer.body).toEqual({ status: "success", id: expect.stringMatching(/^whs_/) });
    expect(await isHeard("whsec_the_first_one")).toBe(true);
    const { id: second } = (await add("whsec_the_second_one")).body;
    expect([await isHeard("whsec_the_first_one"), await isHeard("whsec_the_second_one")]).toEqual([true, true]);
    const removed = await manage(world, `DELETE ${secrets}/${answer.body.id}`);
    await expectDocumented(world, "DELETE integrations/stripe/{accountId}/webhook-secrets/{secretId}", removed);
    expect([await isHeard("whsec_the_first_one"), await isHeard("whsec_the_second_one")]).toEqual([false, true]);
    expect((await listed()).map(({ id }: { id: string }) => id)).toEqual([second]);
  });

  test("is in no answer, and in the database only sealed", async () => {
    const texts = [
      await add("whsec_never_shown"),
      await add("whsec_never_shown"),
      await manage(world, `GET ${secrets}`),
    ];
    texts.push(await add("whsec never_shown"), await manage(world, "GET integrations/stripe"));
    for (const { text } of texts) expect(text).not.toContain("never_shown");
    const rows = JSON.stringify(await world.engine.storage.db.select().from(stripeWebhookSecrets));
    expect(rows).not.toContain("never_shown");
  });

  test("is listed by id and time, newest first", async () => {
    const first = (await add("whsec_of_today")).body.id;
    world.clock.advance(1000);
    const second = (await add("whsec_of_later")).body.id;
    const answer = await manage(world, `GET ${secrets}`);
    await expectDocumented(world, "GET integrations/stripe/{accountId}/webhook-secrets", answer);
    expect(answer.body.secrets).toMatchObject([{ id: second }, { id: first }]);
    expect(answer.body.secrets[0].createdAt).toBe(new Date(world.clock.now()).toISOString());
  });

  test("that is there already is not added again", async () => {
    const first = await add("whsec_the_same_one");
    expect((await add("whsec_the_same_one")).body).toEqual(first.body);
    expect(await listed()).toHaveLength(1);
  });

  test.each([
    undefined,
    null,
    "",
    "sk_test_123456789",
    "whsec_",
    "whsec_with space inside",
    `whsec_${"x".repeat(600)}`,
  ])("cannot be %j", async (wrong) => {
    const issues = [{ path: "secret", message: expect.any(String) }];
    expectRefusal(await add(wrong), { status: 400, code: "invalid_body", more: { issues } });
    expect(await listed()).toEqual([]);
  });

  test("is not removed twice, nor with the address of another account or environment", async () => {
    const { id } = (await add("whsec_of_one_account")).body;
    await manage(world, "PUT integrations/stripe", { body: { accountId: "acct_2", secretKey: "sk_test_world" } });
    const none = { status: 404, code: "webhook_secret_not_found" } as const;
    expectRefusal(await manage(world, `DELETE ${secrets.replace("acct_world", "acct_2")}/${id}`), none);
    const elsewhere = await manage(world, `DELETE ${secrets}/${id}`, { env: "env_other" });
    expectRefusal(elsewhere, { status: 404, code: "account_not_found" });
    expect(await listed()).toHaveLength(1);
    expect((await manage(world, `DELETE ${secrets}/${id}`)).status).toBe(200);
    expectRefusal(await manage(world, `DELETE ${secrets}/${id}`), none);
  });
});

test.each([
  ["GET", "viewer"],
  ["POST", "publisher"],
  ["DELETE", "publisher"],
] as const)("%s needs a %s, an environment and an account that there are", async (method, role) => {
  const route = method === "DELETE" ? `${secrets}/whs_x` : secrets;
  const body = method === "POST" ? { secret: "whsec_of_the_roles" } : undefined;
  await expectRole(world, `${method} ${route}`, role, body);
  const more = body === undefined ? {} : { body };
  const nowhere = await manage(world, `${method} ${route}`, { env: "env_nowhere", ...more });
  expectRefusal(nowhere, { status: 404, code: "environment_not_found" });
  const unknown = await manage(world, `${method} ${route.replace("acct_world", "acct_unknown")}`, more);
  expectRefusal(unknown, { status: 404, code: "account_not_found" });
});
