import { type Context, Hono } from "hono";
import * as v from "valibot";
import type { Engine } from "../engine/engine.ts";
import type { Environment } from "../engine/environments.ts";
import { ScripError } from "../engine/error.ts";
import { explainEntitlement, listExplained } from "../engine/explain-entitlements.ts";
import { type Grantee, grantByHand, type ManualGrant, revokeByHand } from "../engine/manual-entitlements.ts";
import { Duration } from "../schemas/config.ts";
import { Identifier } from "../schemas/identity.ts";
import { Moment } from "../schemas/sales.ts";
import { adminOf } from "./auth.ts";
import { manageBodyBytes, readBody } from "./body.ts";
import { header } from "./header.ts";
import { Done, environmentIn, managed } from "./manage-operation.ts";
import { EntitlementExplained, shownEntitlement } from "./member-answers.ts";
import { bodyLike } from "./operation.ts";
import { Next, nextText, pageFields, pageIn, pageWords, readQuery } from "./page-query.ts";

const Name = v.pipe(v.string(), v.minLength(1), v.maxLength(200));
const Reason = v.pipe(v.string(), v.trim(), v.minLength(1, "must say why"), v.maxLength(500));

const NewGrant = v.pipe(
  v.strictObject({
    identifier: v.optional(Identifier),
    memberId: v.optional(Name),
    product: Name,
    startedAt: v.optional(Moment),
    endedAt: v.optional(Moment),
    duration: v.optional(Duration),
    reason: Reason,
  }),
  v.check((grant) => granteeIn(grant) !== null, "either identifier or memberId is needed"),
  v.check((grant) => grant.endedAt === undefined || grant.duration === undefined, "endedAt or duration, not both"),
  v.metadata({
    oneOf: [{ required: ["identifier"] }, { required: ["memberId"] }],
    not: { required: ["endedAt", "duration"] },
  }),
);

const Revocation = v.strictObject({ reason: Reason });

const EntitlementsQuery = v.strictObject({
  identifier: v.optional(Identifier),
  product: v.optional(Name),
  active: v.optional(v.literal("true")),
  ...pageFields,
});

const EntitlementAnswer = v.object({ ...Done.entries, entitlement: EntitlementExplained });
const ChangedAnswer = v.object({ ...EntitlementAnswer.entries, changed: v.boolean() });
const EntitlementsAnswer = v.object({ ...Done.entries, entitlements: v.array(EntitlementExplained), next: Next });

const describe = managed("Members");
const list = describe("The entitlements of everybody, newest first", {
  answer: EntitlementsAnswer,
  query: {
    identifier: "Those of a member or a guest",
    product: "Those to a product, by its slug or id",
    active: "`true`: those that are active now",
    ...pageWords,
  },
});
const grant = describe("Grant access by hand", {
  description:
    "To somebody whom the site calls `identifier`, or to a member that there is. From `startedAt` or now on, until " +
    "`endedAt` or for `duration`, without an end otherwise. With an `Idempotency-Key` header the same request grants " +
    "once; `changed` says whether it was this one.",
  body: bodyLike(NewGrant, {
    identifier: "buyer@example.com",
    product: "digital",
    duration: "P1M",
    reason: "A month for a complaint",
  }),
  answer: ChangedAnswer,
});
const one = describe("An entitlement, and why there is it, or no more", { answer: EntitlementAnswer });
const revoke = describe("Take access back by hand", {
  description: "For good. `changed` is false where an operator or a refund has taken it back before.",
  body: bodyLike(Revocation, { reason: "Granted by mistake" }),
  answer: ChangedAnswer,
});

/** `…/entitlements`: who has access to what and why; granting and revoking by hand. */
export function manageEntitlements(engine: Engine): Hono {
  const app = new Hono();
  app.get("/:environmentId/entitlements", list, async (c) => {
    await adminOf(c, engine, "viewer");
    const environment = await environmentIn(c, engine);
    const { active, ...query } = readQuery(c, EntitlementsQuery);
    const filter = { ...query, active: active === "true" };
    const { items, next } = await listExplained(engine, environment, filter, pageIn(query));
    return c.json({ status: "success", entitlements: items.map(shownEntitlement), next: nextText(next) });
  });
  app.post("/:environmentId/entitlements", grant, async (c) => {
    const { label } = await adminOf(c, engine, "publisher");
    const environment = await environmentIn(c, engine);
    const wish = await readGrant(c, label);
    const { entitlement, changed } = await grantByHand(engine, environment, wish);
    return c.json({ ...(await answerOf(engine, environment, entitlement.id)), changed });
  });
  app.get("/:environmentId/entitlements/:entitlementId", one, async (c) => {
    await adminOf(c, engine, "viewer");
    const environment = await environmentIn(c, engine);
    return c.json(await answerOf(engine, environment, c.req.param("entitlementId")));
  });
  app.post("/:environmentId/entitlements/:entitlementId/revoke", revoke, async (c) => {
    const { label: by } = await adminOf(c, engine, "publisher");
    const environment = await environmentIn(c, engine);
    const entitlementId = c.req.param("entitlementId");
    const { reason } = await readBody(c, Revocation, manageBodyBytes);
    const { changed } = await revokeByHand(engine, environment, { entitlementId, reason, by });
    return c.json({ ...(await answerOf(engine, environment, entitlementId)), changed });
  });
  return app;
}

async function answerOf(engine: Engine, environment: Environment, entitlementId: string) {
  const entitlement = await explainEntitlement(engine, environment, entitlementId);
  return { status: "success", entitlement: shownEntitlement(entitlement) };
}

async function readGrant(c: Context, by: string): Promise<ManualGrant> {
  const body = await readBody(c, NewGrant, manageBodyBytes);
  const to = granteeIn(body);
  if (to === null) throw new Error("a grant without a grantee got past its schema");
  const { product, reason, startedAt } = body;
  const startMs = startedAt === undefined ? null : Date.parse(startedAt);
  return { to, product, startMs, end: endIn(body), reason, by, idempotencyKey: idempotencyKeyOf(c) };
}

type Named = { identifier?: string | undefined; memberId?: string | undefined };

/** Exactly one of the two names somebody. */
function granteeIn({ identifier, memberId }: Named): Grantee | null {
  if (identifier !== undefined) return memberId === undefined ? { identifier } : null;
  return memberId === undefined ? null : { memberId };
}

function endIn({ endedAt, duration }: { endedAt?: string | undefined; duration?: string | undefined }) {
  if (endedAt !== undefined) return { atMs: Date.parse(endedAt) };
  return duration === undefined ? null : { duration };
}

/** Stripe's own bounds (Stripe API reference, "Idempotent requests"). Throws `invalid_body`. */
function idempotencyKeyOf(c: Context): string | null {
  const key = header(c, "idempotency-key");
  if (key === undefined) return null;
  if (key.length > 0 && key.length <= 255) return key;
  const message = "must have 1 to 255 characters";
  const issues = [{ path: "Idempotency-Key", message }];
  throw new ScripError("invalid_body", `The header Idempotency-Key ${message}`, { issues });
}
