import { type Context, Hono } from "hono";
import * as v from "valibot";
import type { Engine } from "../engine/engine.ts";
import { endSession, refreshSession } from "../engine/member-sessions.ts";
import { RefreshAnswer, RefreshRequest } from "../schemas/sales.ts";
import { type AppOptions, actingCallerOf } from "./auth.ts";
import { clientBodyBytes, readBody } from "./body.ts";
import { bodyLike, described, type Operation } from "./operation.ts";
import { pageHeaders } from "./pages.ts";
import { clientOf, failuresOf } from "./rate-limits.ts";

const LogoutAnswer = v.object({ status: v.literal("success") });

/** `POST /api/v1/members/refresh` and `POST /api/v1/members/logout`. */
export function members(engine: Engine, options: AppOptions): Hono {
  const common = {
    tag: "Access",
    security: "key",
    body: bodyLike(RefreshRequest, { refreshToken: "the refreshToken of a session" }),
    errors: [400, 401, 403, 404, 413, 503],
  } as const;
  const refresh: Operation = {
    ...common,
    summary: "Get the next member JWT of a session",
    description:
      "With what is active now. The refresh token stays the same, so that two tabs may refresh at once, and puts off the " +
      "session's end by 30 days, 180 days after its beginning at the latest.",
    answers: { 200: RefreshAnswer },
  };
  const logout: Operation = {
    ...common,
    summary: "End a session",
    description:
      "Its refresh token and its member JWTs are refused by this server from now on. The same answer for a session that " +
      "has ended already.",
    answers: { 200: LogoutAnswer },
  };
  const refreshHandler = async (c: Context) => {
    const { environment, kind } = await actingCallerOf(c, engine, options);
    const { refreshToken } = await readBody(c, RefreshRequest, clientBodyBytes);
    const session = await engine.rateLimits.attempt(
      kind === "sk" ? null : failuresOf("token", clientOf(c, options)),
      ["member_session_ended"],
      () => refreshSession(engine, environment, refreshToken),
    );
    return Response.json(
      { status: "success", ...session },
      { headers: { ...pageHeaders, "Cache-Control": "no-store" } },
    );
  };
  const logoutHandler = async (c: Context) => {
    const { environment } = await actingCallerOf(c, engine, options);
    const { refreshToken } = await readBody(c, RefreshRequest, clientBodyBytes);
    await endSession(engine, environment, refreshToken);
    return Response.json({ status: "success" }, { headers: pageHeaders });
  };
  return new Hono()
    .post("/refresh", described(refresh, refreshHandler))
    .post("/logout", described(logout, logoutHandler));
}
