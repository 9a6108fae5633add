import type { Context } from "hono";
import { describeRoute } from "hono-openapi";
import * as v from "valibot";
import type { Engine } from "../engine/engine.ts";
import { type Environment, existingEnvironment } from "../engine/environments.ts";
import { type Body, operation } from "./operation.ts";

/** What differs between management routes. */
export type ManagedOperation = {
  description?: string;
  body?: Body;
  query?: Record<string, string>;
  answer?: v.GenericSchema;
  errors?: number[];
};

/** The answer of what changes something and has nothing to say. */
export const Done = v.object({ status: v.literal("success") });

/** Describes the management routes of a tag for `/openapi.json`. */
export function managed(tag: string) {
  return (summary: string, { answer = Done, errors = [], ...about }: ManagedOperation = {}) =>
    describeRoute(
      operation({
        tag,
        summary,
        security: "admin",
        answers: { 200: answer },
        errors: [401, 403, 404, ...(about.query === undefined ? [] : [400]), ...errors],
        ...about,
      }),
    );
}

/** The environment that a management route names. Throws `environment_not_found`. */
export function environmentIn(c: Context, engine: Engine): Promise<Environment> {
  return existingEnvironment(engine.environments, c.req.param("environmentId") ?? "");
}
