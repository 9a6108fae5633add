import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import * as v from "valibot";
import type { Engine } from "../engine/engine.ts";
import { adminOf } from "./auth.ts";
import { operation } from "./operation.ts";
import { isoTime } from "./time.ts";

const RotatedAnswer = v.object({
  status: v.literal("success"),
  kid: v.string(),
  signsFrom: v.pipe(v.string(), v.isoTimestamp()),
});

/** `POST /api/v1/manage/member-keys/rotate`. The keys are the server's, for all environments. */
export function manageMemberKeys(engine: Engine): Hono {
  const rotate = operation({
    tag: "Manage",
    summary: "Make a new key for member JWTs",
    description:
      "It is published at once and signs 5 minutes later, when every verifier has it. The one before stays published until " +
      "nothing that it signed is valid.",
    security: "admin",
    answers: { 200: RotatedAnswer },
    errors: [401, 403],
  });
  return new Hono().post("/rotate", describeRoute(rotate), async (c) => {
    await adminOf(c, engine, "publisher");
    const { kid, signsFrom } = await engine.memberKeys.rotate();
    return c.json({ status: "success", kid, signsFrom: isoTime(signsFrom) });
  });
}
