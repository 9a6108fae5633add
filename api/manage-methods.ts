import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import * as v from "valibot";
import { compilerOf } from "../engine/config/compiler-of.ts";
import { checkWorkflow } from "../engine/config/validate.ts";
import type { Engine } from "../engine/engine.ts";
import { existingEnvironment } from "../engine/environments.ts";
import { secretsOf, shownRun } from "../engine/event-data.ts";
import { maskedText } from "../engine/masking.ts";
import { listMethods } from "../engine/read-methods.ts";
import { tryMethod } from "../engine/try-method.ts";
import { Issue } from "../schemas/errors.ts";
import { Identifier } from "../schemas/identity.ts";
import { Json } from "../schemas/json.ts";
import { Budgets } from "../schemas/workflow.ts";
import { adminOf } from "./auth.ts";
import { manageBodyBytes, readBody } from "./body.ts";
import { bodyLike, operation } from "./operation.ts";

const Workflow = v.pipe(v.string(), v.minLength(1), v.maxLength(256 * 1024));

const CheckRequest = v.strictObject({ workflow: Workflow });
const CheckAnswer = v.object({ status: v.literal("success"), ok: v.boolean(), issues: v.array(Issue) });

const TryRequest = v.strictObject({
  workflow: v.optional(v.nullable(Workflow), null),
  identifier: v.optional(Identifier, "buyer@example.com"),
  userType: v.optional(v.picklist(["authenticated", "anonymous"]), "authenticated"),
  offer: v.optional(v.nullable(v.string()), null),
  plan: v.optional(v.nullable(v.string()), null),
});

const TryAnswer = v.object({
  status: v.literal("success"),
  eventId: v.string(),
  offer: v.string(),
  plan: v.nullable(v.string()),
  secretsMasked: v.boolean(),
  run: Json,
});

const MethodsAnswer = v.object({
  status: v.literal("success"),
  version: v.number(),
  budgets: Budgets,
  methods: v.array(
    v.object({
      id: v.string(),
      slug: v.string(),
      name: v.string(),
      schema: v.nullable(v.string()),
      codeHash: v.string(),
      resting: v.nullable(v.object({ until: v.string(), kills: v.number() })),
    }),
  ),
});

const list = operation({
  tag: "Manage",
  summary: "The redemption methods in force, and which of them rest",
  description:
    "A method rests for a while after its runs have ended several sandbox processes; `resting` says until when, in the " +
    "server process that answers. `budgets` are those that its runs get, after the server's maxima.",
  security: "admin",
  answers: { 200: MethodsAnswer },
  errors: [401, 403, 404],
});

const check = operation({
  tag: "Manage",
  summary: "Check a workflow: it compiles, imports nothing, exports a function",
  security: "admin",
  body: bodyLike(CheckRequest, { workflow: "export default () => ({ success: true });" }),
  answers: { 200: CheckAnswer },
  errors: [400, 401, 403, 404, 501, 503],
});

const attempt = operation({
  tag: "Manage",
  summary: "Run a method's workflow on an offer without redeeming it",
  description:
    "Calls to Stripe and to other servers are real: a Checkout Session is made, but nothing is recorded as a purchase, and " +
    "nothing of our own is changed. `workflow` tries a source that is not applied yet in the method's place; for a role " +
    "below `publisher` it sees `***` for each secret (`secretsMasked`), and reaches Stripe with test keys only.",
  security: "admin",
  body: bodyLike(TryRequest, { identifier: "buyer@example.com", offer: "premium", plan: "premium-monthly" }),
  answers: { 200: TryAnswer },
  errors: [400, 401, 403, 404, 422, 501, 503],
});

/** `…/redemption-methods`, and of one of them `…/check` and `…/try`. */
export function manageMethods(engine: Engine): Hono {
  return new Hono()
    .get("/:environmentId/redemption-methods", describeRoute(list), async (c) => {
      await adminOf(c, engine, "viewer");
      const environment = await existingEnvironment(engine.environments, c.req.param("environmentId"));
      return c.json({ status: "success", ...listMethods(engine, environment) });
    })
    .post("/:environmentId/redemption-methods/:slug/check", describeRoute(check), async (c) => {
      await adminOf(c, engine, "editor");
      const { id } = await existingEnvironment(engine.environments, c.req.param("environmentId"));
      const { workflow } = await readBody(c, CheckRequest, manageBodyBytes);
      const compile = await compilerOf(engine, id);
      const { sandbox, budgetMaxima } = engine;
      const checked = await checkWorkflow({ compile, sandbox, budgetMaxima }, workflow, "workflow");
      return c.json({ status: "success", ok: checked.ok, issues: checked.ok ? [] : checked.issues });
    })
    .post("/:environmentId/redemption-methods/:slug/try", describeRoute(attempt), async (c) => {
      const admin = await adminOf(c, engine, "editor");
      const environment = await existingEnvironment(engine.environments, c.req.param("environmentId"));
      const { workflow, identifier, userType, offer, plan } = await readBody(c, TryRequest, manageBodyBytes);
      const isAuthenticated = userType === "authenticated";
      const authType = isAuthenticated ? ("provided" as const) : ("anonymous" as const);
      const tried = await tryMethod(engine, {
        environment,
        methodSlug: c.req.param("slug"),
        workflow,
        identity: { authType, isAuthenticated, identifier, jwtClaims: {} },
        offerSlug: offer,
        planSlug: plan,
        author: admin,
      });
      const run = JSON.parse(maskedText(shownRun(tried.run, environment), secretsOf(environment)));
      return c.json({ status: "success", ...tried, run });
    });
}
