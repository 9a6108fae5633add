import * as v from "valibot";
import { Identifier } from "../../schemas/identity.ts";
import { Json } from "../../schemas/json.ts";
import { incrementCounter, mostCounters, readCounter } from "../counters.ts";
import {
  deleteCustomData,
  longestValue,
  mostKeys,
  readAllCustomData,
  readCustomData,
  writeCustomData,
} from "../custom-data.ts";
import { ScripError } from "../error.ts";
import { identityKey, resolveIdentity } from "../identity.ts";
import { type IdentityLink, linkedSources, linkedTargets } from "../identity-links.ts";
import { type CallContext, type Capability, CapabilityError, type Effect, once, parseArguments } from "./call.ts";

/** Somebody by name: one of this environment, whoever redeems (MonetizationOS `WorkflowUserIdentifier`). */
const Who = v.strictObject({ identifier: Identifier, userType: v.picklist(["authenticated", "anonymous"]) });
type Who = v.InferOutput<typeof Who>;

/** Less than 1,000 characters (MonetizationOS), and told apart by the database. */
const Key = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(999),
  v.check((text) => text.isWellFormed() && !text.includes("\0"), "must be well-formed Unicode without NUL"),
);

/** `identity.readCustomData`: one value or null; without a key all of them. */
export const readData: Capability = ({ engine, environment }, args) => {
  const schema = v.strictObject({ who: Who, key: v.optional(v.nullable(Key), null) });
  const { who, key } = parseArguments(schema, args, "identity.readCustomData");
  const own = { environmentId: environment.id, identityKey: keyOf(who) };
  const { db } = engine.storage;
  return key === null ? readAllCustomData(db, own) : readCustomData(db, { ...own, key });
};

const Value = v.pipe(
  Json,
  v.check(
    (value) => JSON.stringify(value).length <= longestValue,
    `must be at most ${longestValue} characters long as JSON`,
  ),
);

/** `identity.writeCustomData`. */
export const writeData: Capability = (context, args) => {
  const schema = v.strictObject({ who: Who, key: Key, value: Value });
  const { who, key, value } = parseArguments(schema, args, "identity.writeCustomData");
  const own = { environmentId: context.environment.id, identityKey: keyOf(who), key };
  return change(context, {
    subject: ["writeCustomData", own.identityKey, key],
    async work(tx, nowMs) {
      if (await writeCustomData(tx, own, { value, nowMs })) return null;
      throw new CapabilityError(
        `identity.writeCustomData: ${who.identifier} has ${mostKeys} keys, which is the most: delete one, or put more into one`,
      );
    },
  });
};

/** `identity.deleteCustomData`. */
export const deleteData: Capability = (context, args) => {
  const { who, key } = parseArguments(v.strictObject({ who: Who, key: Key }), args, "identity.deleteCustomData");
  const own = { environmentId: context.environment.id, identityKey: keyOf(who), key };
  return change(context, {
    subject: ["deleteCustomData", own.identityKey, key],
    async work(tx) {
      await deleteCustomData(tx, own);
      return null;
    },
  });
};

const CounterArguments = v.strictObject({
  who: Who,
  counterId: v.pipe(Key, v.maxLength(200)),
  increment: v.pipe(v.number(), v.safeInteger()),
});

/** `identity.incrementCounter`: the counter's new value; in a try what it would be. */
export const countUp: Capability = async (context, args) => {
  const { who, counterId, increment } = parseArguments(CounterArguments, args, "identity.incrementCounter");
  const own = { environmentId: context.environment.id, identityKey: keyOf(who), counterId, update: increment };
  if (context.sale === null) return (await readCounter(context.engine.storage.db, own)) + increment;
  return once(context, context.sale, {
    subject: ["incrementCounter", own.identityKey, counterId],
    async work(tx, nowMs) {
      const value = await incrementCounter(tx, own, nowMs);
      if (value !== null) return value;
      throw new CapabilityError(
        `identity.incrementCounter: nothing was counted: an identity has at most ${mostCounters} counters, of at most 2^53`,
      );
    },
  });
};

/** `identity.getLinkedSources`: the guests that became this member. */
export const getSources: Capability = async ({ engine, environment }, args) => {
  const { who } = parseArguments(v.strictObject({ who: Who }), args, "identity.getLinkedSources");
  if (who.userType === "anonymous") return [];
  return (await linkedSources(engine.storage, environment.id, who.identifier)).map(shownLink);
};

/** `identity.getLinkedTargets`: the members that this guest became. */
export const getTargets: Capability = async ({ engine, environment }, args) => {
  const { who } = parseArguments(v.strictObject({ who: Who }), args, "identity.getLinkedTargets");
  if (who.userType === "anonymous") return [];
  return (await linkedTargets(engine.storage, environment.id, who.identifier)).map(shownLink);
};

const JwtArguments = v.strictObject({ jwt: v.pipe(v.string(), v.minLength(1), v.maxLength(16_384)) });

/** `identity.resolveJwt`: whom a JWT names, by the same rules as in a request; a wrong one is an answer, not an error. */
export const resolveJwt: Capability = async ({ engine, environment }, args) => {
  const { jwt } = parseArguments(JwtArguments, args, "identity.resolveJwt");
  try {
    const caller = { environment, kind: "sk" as const, keyId: "workflow" };
    const { identifier, jwtClaims } = await resolveIdentity(engine, caller, { userJwt: jwt });
    return { valid: true, identifier, userType: "authenticated", jwtClaims };
  } catch (error) {
    if (!(error instanceof ScripError)) throw error;
    if (error.code === "invalid_user_jwt") return { valid: false, reason: "invalid", message: error.message };
    if (error.code === "jwks_unavailable") return { valid: false, reason: "keys-unavailable", message: error.message };
    throw new CapabilityError(`identity.resolveJwt: ${error.message}`);
  }
};

/** Changes something once, and in a try nothing at all. */
async function change<T extends Json>(context: CallContext, effect: Effect<T>): Promise<Json> {
  return context.sale === null ? null : once(context, context.sale, effect);
}

function keyOf({ identifier, userType }: Who): string {
  return identityKey({ identifier, isAuthenticated: userType === "authenticated" });
}

/** A guest's session is authenticated by a JWT, though of nobody known. */
function shownLink({ source, target, linkedAtMs }: IdentityLink): Json {
  const userType = "authenticated";
  return {
    source: { identifier: source, userType },
    target: { identifier: target, userType },
    reason: "purchase",
    linkedAt: new Date(linkedAtMs).toISOString(),
  };
}
