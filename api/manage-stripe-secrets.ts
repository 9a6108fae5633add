import { type Context, Hono } from "hono";
import * as v from "valibot";
import type { Engine } from "../engine/engine.ts";
import { ScripError } from "../engine/error.ts";
import { addWebhookSecret, listWebhookSecrets, removeWebhookSecret } from "../engine/integrations.ts";
import { adminOf } from "./auth.ts";
import { manageBodyBytes, readBody } from "./body.ts";
import { Done, environmentIn, managed } from "./manage-operation.ts";
import { bodyLike } from "./operation.ts";
import { withIsoTime } from "./time.ts";

const NewSecret = v.strictObject({
  secret: v.pipe(
    v.string(),
    v.maxLength(500),
    v.regex(/^whsec_[\w+/=-]{8,}$/, "must be the signing secret of an endpoint at Stripe (whsec_…)"),
  ),
});

const Secret = v.object({ id: v.string(), createdAt: v.pipe(v.string(), v.isoTimestamp()) });
const SecretsAnswer = v.object({ ...Done.entries, secrets: v.array(Secret) });
const AddedAnswer = v.object({ ...Done.entries, id: v.string() });

const describe = managed("Manage");
const list = describe("The secrets that sign an account's webhooks, without their text", { answer: SecretsAnswer });
const add = describe("Add a secret that signs an account's webhooks", {
  description:
    "Those that are there count on, so that one can be replaced without a gap. The same again adds nothing. It cannot be " +
    "read back.",
  body: bodyLike(NewSecret, { secret: "whsec_0123456789abcdef" }),
  answer: AddedAnswer,
});
const remove = describe("End a secret of webhooks");

const path = "/:environmentId/integrations/stripe/:accountId/webhook-secrets";

/** `…/integrations/stripe/{accountId}/webhook-secrets`: what Stripe signs its webhooks with. */
export function manageStripeSecrets(engine: Engine): Hono {
  const app = new Hono();
  app.get(path, list, async (c) => {
    await adminOf(c, engine, "viewer");
    const { environmentId, accountId } = await accountIn(c, engine);
    const secrets = await listWebhookSecrets(engine, environmentId, accountId);
    return c.json({ status: "success", secrets: secrets.map(withIsoTime) });
  });
  app.post(path, add, async (c) => {
    await adminOf(c, engine, "publisher");
    const { environmentId, accountId } = await accountIn(c, engine);
    const { secret } = await readBody(c, NewSecret, manageBodyBytes);
    return c.json({ status: "success", ...(await addWebhookSecret(engine, environmentId, { accountId, secret })) });
  });
  app.delete(`${path}/:secretId`, remove, async (c) => {
    await adminOf(c, engine, "publisher");
    const { environmentId, accountId } = await accountIn(c, engine);
    await removeWebhookSecret(engine, environmentId, { accountId, id: c.req.param("secretId") });
    return c.json({ status: "success" });
  });
  return app;
}

/** Throws `environment_not_found` or `account_not_found`. */
async function accountIn(c: Context, engine: Engine): Promise<{ environmentId: string; accountId: string }> {
  const { id: environmentId, stripeAccounts } = await environmentIn(c, engine);
  const accountId = c.req.param("accountId") ?? "";
  if (stripeAccounts.has(accountId)) return { environmentId, accountId };
  throw new ScripError("account_not_found", `${environmentId} has no Stripe account ${accountId}: connect it first`);
}
