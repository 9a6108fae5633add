import * as v from "valibot";
import { errorCodes } from "./error-codes.ts";

/** One problem in a body, at a dotted path (`offers.0.plans.1`). */
export const Issue = v.object({ path: v.string(), message: v.string() });
export type Issue = v.InferOutput<typeof Issue>;

/** Every error body (MonetizationOS), with `code`, `eventId`, `action` and `issues` where they apply. */
export const ErrorBody = v.looseObject({
  status: v.literal("error"),
  statusCode: v.number(),
  message: v.string(),
  code: v.picklist(errorCodes),
  eventId: v.optional(v.pipe(v.string(), v.uuid())),
  issues: v.optional(v.array(Issue)),
});
export type ErrorBody = v.InferOutput<typeof ErrorBody>;
