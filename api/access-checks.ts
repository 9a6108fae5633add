import { type Context, Hono } from "hono";
import { checkAccess } from "../engine/check-access.ts";
import type { Engine } from "../engine/engine.ts";
import { AccessCheck, AccessCheckRequest } from "../schemas/sales.ts";
import { type AppOptions, assertPageMaySay, callerOf } from "./auth.ts";
import { clientBodyBytes, readBody } from "./body.ts";
import { bodyLike, described, type Operation } from "./operation.ts";
import { pageHeaders } from "./pages.ts";

/** `POST /api/v1/access-checks`. */
export function accessChecks(engine: Engine, options: AppOptions): Hono {
  const about: Operation = {
    tag: "Access",
    summary: "Check what somebody has access to",
    description:
      "Asks the database, always, and answers 503 where it cannot be asked: nobody has access by accident. `access` says " +
      "for each of `products` whether one of its entitlements is active at the moment `at`, now unless it is named.",
    security: "key",
    body: bodyLike(AccessCheckRequest, { identity: { anonymousIdentifier: "visitor-1" }, products: ["digital"] }),
    answers: { 200: AccessCheck },
    errors: [400, 401, 403, 404, 413, 503],
  };
  const handler = async (c: Context) => {
    const caller = await callerOf(c, engine, options);
    const request = await readBody(c, AccessCheckRequest, clientBodyBytes);
    assertPageMaySay(c, caller, request);
    return Response.json(await checkAccess(engine, caller, request), { headers: pageHeaders });
  };
  return new Hono().post("/", described(about, handler));
}
