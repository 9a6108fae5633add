import * as v from "valibot";
import type { JsonObject } from "./json.ts";
import type { AuthType } from "./workflow.ts";

/**
 * What names somebody. Halves of surrogate pairs all become the same character in a database, and a text is read back from
 * it only up to a NUL: two people would be one.
 */
export const Identifier = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(512),
  v.check((text) => text.isWellFormed() && !text.includes("\0"), "must be well-formed Unicode without NUL"),
);

const forms = ["userIdentifier", "userJwt", "anonymousIdentifier", "createAnonymousIdentifier"] as const;

/**
 * The identity in a request body: exactly one of five forms (MonetizationOS). Unknown fields are refused here,
 * because a misspelt field would silently make somebody anonymous. The metadata says in JSON Schema what the checks do.
 */
export const IdentityInput = v.pipe(
  v.strictObject({
    userIdentifier: v.optional(Identifier),
    userJwt: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(16_384))),
    createAnonymousIdentifierFallback: v.optional(v.boolean()),
    anonymousIdentifier: v.optional(Identifier),
    createAnonymousIdentifier: v.optional(v.literal(true)),
  }),
  v.check(
    (i) => forms.filter((form) => i[form] !== undefined).length === 1,
    `exactly one of ${forms.join(", ")} is needed`,
  ),
  v.check(
    (i) => i.createAnonymousIdentifierFallback === undefined || i.userJwt !== undefined,
    "createAnonymousIdentifierFallback goes with userJwt only",
  ),
  v.metadata({
    oneOf: forms.map((form) => ({ required: [form] })),
    dependentRequired: { createAnonymousIdentifierFallback: ["userJwt"] },
  }),
);
export type IdentityInput = v.InferOutput<typeof IdentityInput>;

/** Who a request turned out to speak for. */
export type Identity = {
  authType: AuthType;
  isAuthenticated: boolean;
  identifier: string;
  jwtClaims: JsonObject;
};
