import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import { decide } from "../engine/decide.ts";
import type { Engine } from "../engine/engine.ts";
import { ScripError } from "../engine/error.ts";
import { SurfaceDecision } from "../schemas/decision.ts";
import { SurfaceDecisionRequest } from "../schemas/request.ts";
import { type AppOptions, assertPageMaySay, callerOf } from "./auth.ts";
import { clientBodyBytes, limitBody, readBody } from "./body.ts";
import { operation } from "./operation.ts";

/** `POST /api/v1/surface-decisions`. */
export function surfaceDecisions(engine: Engine, options: AppOptions): Hono {
  const describe = operation({
    tag: "Decisions",
    summary: "Decide what a surface shows",
    description: "Resolves the surface's experiences for an identity and presents offers with signed tokens.",
    security: "key",
    body: SurfaceDecisionRequest,
    answers: { 200: SurfaceDecision },
    errors: [400, 401, 403, 404, 413, 503],
  });
  return new Hono().post("/", describeRoute(describe), limitBody(clientBodyBytes), async (c) => {
    const caller = await callerOf(c, engine, options);
    const request = await readBody(c, SurfaceDecisionRequest);
    assertPageMaySay(c, caller, request);
    if (request.explain && caller.kind === "pk")
      throw new ScripError("secret_key_required", "explain needs a secret key");
    const { text } = await decide(engine, caller, { request, mosUserAgent: c.req.header("x-mos-user-agent") });
    return c.body(text, 200, { "Content-Type": "application/json" });
  });
}
