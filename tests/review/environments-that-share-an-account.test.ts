import { eq } from "drizzle-orm";
import { expect, test } from "vitest";
import { createEnvironment } from "../../engine/create-environment.ts";
import { addWebhookSecret, connectStripeAccount } from "../../engine/integrations.ts";
import { stripeAccounts } from "../../schemas/tables.ts";
import { paymentOf, salesOf, sessionFor } from "../fakes/sales.ts";
import { createWorld } from "../fakes/world.ts";

test("an environment whose Stripe key has ended keeps no other of the account from hearing of a dispute", async () => {
  const world = await createWorld({
    webhooks: true,
    config: (sample) => ({
      ...sample,
      plans: [{ ...sample.plans[0], price: { currency: "gbp", amountMinor: 1000, interval: null } }],
      offers: [{ ...sample.offers[0], redemption: { accountId: "acct_world" } }],
    }),
  });
  const accountId = "acct_world";
  await createEnvironment(world.engine, { id: "env_past", name: "Past" });
  await connectStripeAccount(world.engine, "env_past", { accountId, secretKey: "sk_test_of_the_past" });
  await addWebhookSecret(world.engine, "env_past", { accountId, secret: "whsec_of_the_tests" });
  // the other one comes after it
  const own = eq(stripeAccounts.environmentId, world.environmentId);
  await world.engine.storage.write((tx) => tx.delete(stripeAccounts).where(own));
  await connectStripeAccount(world.engine, world.environmentId, { accountId, secretKey: "sk_test_world" });
  const { id } = await sessionFor(world);
  world.stripe.pay(id, { email: "buyer@example.com" });
  await world.stripe.settled();
  expect((await salesOf(world)).active).toHaveLength(1);
  world.stripe.disputeCharge(paymentOf(world, id));
  await world.stripe.settled();
  expect((await salesOf(world)).active).toEqual([]);
  await world.close();
});
