import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import * as v from "valibot";
import { createEnvironment } from "../engine/create-environment.ts";
import type { Engine } from "../engine/engine.ts";
import { existingEnvironment } from "../engine/environments.ts";
import { connectStripeAccount, listStripeAccounts, setSecret } from "../engine/integrations.ts";
import { createKey, listEnvironments, listKeys, revokeKey } from "../engine/keys.ts";
import { rotateSigningKey } from "../engine/signing-keys.ts";
import { adminOf } from "./auth.ts";
import { manageBodyBytes, readBody } from "./body.ts";
import { EventAnswer, eventAnswer } from "./events.ts";
import { type Body, bodyLike, operation } from "./operation.ts";
import { isoTime, withIsoTime } from "./time.ts";

const Done = v.object({ status: v.literal("success") });

const NewEnvironment = v.strictObject({
  id: v.pipe(
    v.string(),
    v.regex(/^[a-z0-9]+_[a-z0-9]+$/, "must be two words of a-z and 0-9 joined by one underscore, such as env_live"),
  ),
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(200)),
});

const NewKey = v.strictObject({
  kind: v.picklist(["sk", "pk"]),
  label: v.optional(v.pipe(v.string(), v.maxLength(200)), ""),
});

const StripeAccount = v.strictObject({
  accountId: v.pipe(v.string(), v.regex(/^acct_\w+$/, "must be a Stripe account id (acct_…)")),
  secretKey: v.pipe(v.string(), v.regex(/^[sr]k_\w+$/, "must be a Stripe secret or restricted key")),
});

const Secret = v.strictObject({
  name: v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/, "must be a variable name")),
  value: v.pipe(v.string(), v.minLength(1), v.maxLength(16_384)),
});

const Time = v.pipe(v.string(), v.isoTimestamp());
const KeyInfo = { id: v.string(), kind: v.picklist(["sk", "pk"]), label: v.string(), createdAt: Time };
const KeysAnswer = v.object({ ...Done.entries, keys: v.array(v.object({ ...KeyInfo, revokedAt: v.nullable(Time) })) });
const NewKeyAnswer = v.object({ ...Done.entries, ...KeyInfo, environmentId: v.string(), key: v.string() });
const RotatedAnswer = v.object({ ...Done.entries, kid: v.string() });
const AccountsAnswer = v.object({
  ...Done.entries,
  accounts: v.array(v.object({ accountId: v.string(), createdAt: Time })),
});
const EnvironmentsAnswer = v.object({
  ...Done.entries,
  environments: v.array(
    v.object({
      id: v.string(),
      name: v.string(),
      configVersion: v.number(),
      revision: v.number(),
      createdAt: Time,
    }),
  ),
});
const EnvironmentAnswer = v.object({ ...Done.entries, environment: NewEnvironment });

const newEnvironment = bodyLike(NewEnvironment, { id: "env_live", name: "Live" });
const newKey = bodyLike(NewKey, { kind: "pk", label: "website" });
const stripeAccount = bodyLike(StripeAccount, { accountId: "acct_example", secretKey: "sk_test_example" });
const secret = bodyLike(Secret, { name: "CRM_KEY", value: "only workflows read this" });

const manage = (summary: string, body?: Body, answer: v.GenericSchema = Done) =>
  describeRoute(
    operation({
      tag: "Manage",
      summary,
      security: "admin",
      ...(body === undefined ? {} : { body }),
      answers: { 200: answer },
      errors: body === undefined ? [401, 403, 404] : [400, 401, 403, 404, 409],
    }),
  );

/** Environments, and what belongs to one beside its configuration: keys, signing keys, Stripe accounts, secrets, events. */
export function manageEnvironments(engine: Engine): Hono {
  const app = new Hono();
  app.get("/", manage("All environments", undefined, EnvironmentsAnswer), async (c) => {
    await adminOf(c, engine, "viewer");
    return c.json({ status: "success", environments: (await listEnvironments(engine)).map(withIsoTime) });
  });
  app.post("/", manage("Make an environment", newEnvironment, EnvironmentAnswer), async (c) => {
    await adminOf(c, engine, "publisher");
    const wanted = await readBody(c, NewEnvironment, manageBodyBytes);
    await createEnvironment(engine, wanted);
    return c.json({ status: "success", environment: wanted });
  });
  addKeyRoutes(app, engine);
  app.get(
    "/:environmentId/integrations/stripe",
    manage("The connected Stripe accounts", undefined, AccountsAnswer),
    async (c) => {
      await adminOf(c, engine, "viewer");
      const { id } = await existingEnvironment(engine.environments, c.req.param("environmentId"));
      return c.json({ status: "success", accounts: (await listStripeAccounts(engine, id)).map(withIsoTime) });
    },
  );
  app.put("/:environmentId/integrations/stripe", manage("Connect a Stripe account", stripeAccount), async (c) => {
    await adminOf(c, engine, "publisher");
    await connectStripeAccount(engine, c.req.param("environmentId"), await readBody(c, StripeAccount, manageBodyBytes));
    return c.json({ status: "success" });
  });
  app.put("/:environmentId/secrets", manage("Set a secret for workflows", secret), async (c) => {
    await adminOf(c, engine, "publisher");
    await setSecret(engine, c.req.param("environmentId"), await readBody(c, Secret, manageBodyBytes));
    return c.json({ status: "success" });
  });
  app.get("/:environmentId/events/:eventId", manage("One event by its id", undefined, EventAnswer), async (c) => {
    await adminOf(c, engine, "viewer");
    const { id } = await existingEnvironment(engine.environments, c.req.param("environmentId"));
    return c.json(await eventAnswer(engine, id, c.req.param("eventId")));
  });
  return app;
}

function addKeyRoutes(app: Hono, engine: Engine): void {
  app.get("/:environmentId/keys", manage("The API keys, without their text", undefined, KeysAnswer), async (c) => {
    await adminOf(c, engine, "viewer");
    const { id } = await existingEnvironment(engine.environments, c.req.param("environmentId"));
    const keys = (await listKeys(engine, id)).map(({ revokedAt, ...key }) => ({
      ...withIsoTime(key),
      revokedAt: revokedAt === null ? null : isoTime(revokedAt),
    }));
    return c.json({ status: "success", keys });
  });
  app.post(
    "/:environmentId/keys",
    manage("Make an API key; its text is shown once", newKey, NewKeyAnswer),
    async (c) => {
      await adminOf(c, engine, "publisher");
      const { kind, label } = await readBody(c, NewKey, manageBodyBytes);
      return c.json({
        status: "success",
        ...withIsoTime(await createKey(engine, c.req.param("environmentId"), kind, label)),
      });
    },
  );
  app.delete("/:environmentId/keys/:keyId", manage("Revoke an API key"), async (c) => {
    await adminOf(c, engine, "publisher");
    await revokeKey(engine, c.req.param("environmentId"), c.req.param("keyId"));
    return c.json({ status: "success" });
  });
  app.post(
    "/:environmentId/signing-keys/rotate",
    manage("Sign offer tokens with a new key from now on", undefined, RotatedAnswer),
    async (c) => {
      await adminOf(c, engine, "publisher");
      return c.json({ status: "success", ...(await rotateSigningKey(engine, c.req.param("environmentId"))) });
    },
  );
}
