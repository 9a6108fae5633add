import { type Context, Hono } from "hono";
import { decide } from "../engine/decide.ts";
import type { Engine } from "../engine/engine.ts";
import { ScripError } from "../engine/error.ts";
import { SurfaceDecision } from "../schemas/decision.ts";
import { SurfaceDecisionRequest } from "../schemas/request.ts";
import { type AppOptions, assertPageMaySay, callerOf } from "./auth.ts";
import { clientBodyBytes, readBody } from "./body.ts";
import { header } from "./header.ts";
import { bodyLike, described, type Operation } from "./operation.ts";
import { pageHeaders } from "./pages.ts";

const encoder = new TextEncoder();
const headers = { "Content-Type": "application/json", ...pageHeaders };

/** `POST /api/v1/surface-decisions`. */
export function surfaceDecisions(engine: Engine, options: AppOptions): Hono {
  const about: Operation = {
    tag: "Decisions",
    summary: "Decide what a surface shows",
    description: "Resolves the surface's experiences for an identity and presents offers with signed tokens.",
    security: "key",
    body: bodyLike(SurfaceDecisionRequest, {
      surfaceSlug: "demo",
      identity: { anonymousIdentifier: "visitor-1" },
      resource: { id: "story-1", meta: { section: "news" } },
    }),
    answers: { 200: SurfaceDecision },
    errors: [400, 401, 403, 404, 413, 503],
  };
  const handler = async (c: Context) => {
    const caller = await callerOf(c, engine, options);
    const request = await readBody(c, SurfaceDecisionRequest, clientBodyBytes);
    assertPageMaySay(c, caller, request);
    if (request.explain && caller.kind === "pk")
      throw new ScripError("secret_key_required", "explain needs a secret key");
    const { text } = await decide(engine, caller, { request, mosUserAgent: header(c, "x-mos-user-agent") });
    // as bytes with plain headers: the Node server's shortest way, and several times faster where a text is not ASCII
    return new Response(encoder.encode(text), { headers });
  };
  return new Hono().post("/", described(about, handler));
}
