import { type Context, Hono } from "hono";
import * as v from "valibot";
import type { Engine } from "../engine/engine.ts";
import type { Environment } from "../engine/environments.ts";
import { ScripError } from "../engine/error.ts";
import { identifyMember } from "../engine/identity.ts";
import { type EntitlementInclude, entitlementIncludes, listEntitlements } from "../engine/list-entitlements.ts";
import { labelOf } from "../engine/member-jwt.ts";
import { Identifier } from "../schemas/identity.ts";
import { EntitlementsAnswer } from "../schemas/sales.ts";
import { type AppOptions, bearer, secretCallerOf } from "./auth.ts";
import { described, type Operation } from "./operation.ts";
import { pageHeaders } from "./pages.ts";
import { clientOf, countFailure, failuresOf } from "./rate-limits.ts";

/** `GET /api/v1/entitlements`: a member's own by the member JWT alone, anybody's with a secret key. */
export function entitlements(engine: Engine, options: AppOptions): Hono {
  const about: Operation = {
    tag: "Access",
    summary: "The entitlements of somebody, newest first",
    description:
      "With a member JWT as the bearer: that member's own. With a secret key: those of `userIdentifier`. Active ones, " +
      "unless `include` asks for the others.",
    security: "memberOrKey",
    query: {
      userIdentifier: "Whose, with a secret key",
      include:
        "A comma list: `inactive` adds those that are over, revoked or to come; `plan`, `offer` and, with a secret key, " +
        "`purchase` add where each comes from",
    },
    answers: { 200: EntitlementsAnswer },
    errors: [400, 401, 403, 404, 503],
  };
  const handler = async (c: Context) => {
    const include = readInclude(c);
    const wanted = await wantedBy(c, engine, options, include);
    const answer = await listEntitlements(engine, wanted.environment, { identifier: wanted.identifier, include });
    return Response.json(answer, { headers: pageHeaders });
  };
  return new Hono().get("/", described(about, handler));
}

type Wanted = { environment: Environment; identifier: string };

async function wantedBy(
  c: Context,
  engine: Engine,
  options: AppOptions,
  include: ReadonlySet<EntitlementInclude>,
): Promise<Wanted> {
  const credential = bearer(c);
  if (credential === undefined || /^[sp]k_/.test(credential)) {
    const { environment } = await secretCallerOf(c, engine, options);
    return { environment, identifier: identifierIn(c) };
  }
  const client = clientOf(c, options);
  await engine.rateLimits.take("reads", client);
  const wanted = await memberOf(engine, credential).catch((error: unknown) =>
    countFailure(engine, error, { codes: ["invalid_user_jwt"], failuresBy: () => failuresOf("key", client) }),
  );
  if (c.req.query("userIdentifier") !== undefined) {
    throw new ScripError("secret_key_required", "userIdentifier needs a secret key: a member reads their own");
  }
  if (include.has("purchase")) throw new ScripError("secret_key_required", "include=purchase needs a secret key");
  return wanted;
}

/** A member JWT names its environment. Throws `invalid_user_jwt`. */
async function memberOf(engine: Engine, jwt: string): Promise<Wanted> {
  const { audience } = labelOf(engine, jwt);
  const environment = audience === undefined ? undefined : await engine.environments.get(audience);
  if (environment === undefined) {
    throw new ScripError("invalid_user_jwt", "The bearer is neither an API key nor a member JWT of this server");
  }
  return { environment, identifier: (await identifyMember(engine, environment.id, jwt)).identifier };
}

function identifierIn(c: Context): string {
  const parsed = v.safeParse(Identifier, c.req.query("userIdentifier"));
  if (parsed.success) return parsed.output;
  const message = "must be an identifier of 1 to 512 characters";
  throw new ScripError("invalid_body", `With a secret key userIdentifier ${message}`, {
    issues: [{ path: "userIdentifier", message }],
  });
}

/** Allegro's words: they are there anyway. */
const alwaysIncluded = ["resource", "product"];

function readInclude(c: Context): ReadonlySet<EntitlementInclude> {
  const words = (c.req.queries("include") ?? []).flatMap((list) => list.split(","));
  const asked = new Set(words.map((word) => word.trim()).filter((word) => word !== ""));
  const known = entitlementIncludes.filter((word) => asked.has(word));
  const strangers = [...asked].filter((word) => !alwaysIncluded.includes(word) && !known.some((one) => one === word));
  if (strangers.length === 0) return new Set(known);
  const named = strangers.slice(0, 5).map((word) => JSON.stringify(word.slice(0, 40)));
  const message = `does not know ${named.join(", ")}: it takes ${entitlementIncludes.join(", ")}`;
  throw new ScripError("invalid_body", `include ${message}`, { issues: [{ path: "include", message }] });
}
