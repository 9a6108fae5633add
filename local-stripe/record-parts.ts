import * as v from "valibot";

/** What every object has. */
export function common() {
  return { id: v.string(), created: v.number(), metadata: metadata() };
}

/** Stripe API reference, "Metadata". */
export function metadata() {
  return v.record(v.string(), v.string());
}

/** A member that files of an older version do not have yet: null there. */
export function later<T extends v.GenericSchema>(schema: T) {
  return v.optional(v.nullable(schema), null);
}
