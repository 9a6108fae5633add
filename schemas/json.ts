import * as v from "valibot";

/** Any JSON value (RFC 8259). Only values of this type cross the sandbox and the wire. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** A JSON object. */
export type JsonObject = { [key: string]: Json };

/** Parses an unknown value as JSON; `undefined`, functions, symbols, `NaN` and infinities are refused. */
export const Json: v.GenericSchema<Json> = v.lazy(() =>
  v.union([
    v.string(),
    v.pipe(v.number(), v.finite()),
    v.boolean(),
    v.null(),
    v.array(Json),
    v.record(v.string(), Json),
  ]),
);

/** Parses an unknown value as a JSON object. */
export const JsonObject: v.GenericSchema<JsonObject> = v.record(v.string(), Json);
