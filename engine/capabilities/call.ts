import { and, eq } from "drizzle-orm";
import * as v from "valibot";
import type { Identity } from "../../schemas/identity.ts";
import { workflowEffects } from "../../schemas/identity-tables.ts";
import { Json } from "../../schemas/json.ts";
import { redemptions } from "../../schemas/tables.ts";
import type { Budgets } from "../../schemas/workflow.ts";
import type { Sale } from "../checkout.ts";
import type { Claim } from "../claims.ts";
import { sha256Hex } from "../digest.ts";
import type { Engine } from "../engine.ts";
import type { Environment } from "../environments.ts";
import { issuesOf } from "../issues.ts";
import type { Database } from "../storage.ts";

/** What the capabilities of one run work for. `idempotencyKey` is stable over replays of the same attempt. */
export type RunContext = {
  engine: Engine;
  environment: Environment;
  budgets: Budgets;
  /** Who redeems. */
  identity: Identity;
  /** The slug of the method whose workflow runs. */
  method: string;
  /** The redemption that the run is for; null for a try, which sells and changes nothing. */
  sale: Sale | null;
  idempotencyKey: string;
  /**
   * Whether the workflow was written by somebody who may not publish it: it sees no secret's value and reaches Stripe with test
   * keys only.
   */
  guarded: boolean;
};

/** What one call knows of its run. Calls in `unheard` may have had an effect that nobody was told of. */
export type CallContext = RunContext & {
  seq: number;
  unheard: Set<number>;
  /** How often each product was asked for with `grant` in this run, by its id. */
  grants: Map<string, number>;
};

/** Answers one host call with JSON. Throws `CapabilityError` for the author. */
export type Capability = (context: CallContext, args: Json) => Promise<unknown>;

/** An error whose message is for the workflow's author, and says what to do. Other errors are told as "internal error". */
export class CapabilityError extends Error {
  override readonly name = "CapabilityError";
}

/** Arguments of a call, parsed; throws a `CapabilityError` that names the first thing that is wrong. */
export function parseArguments<T extends v.GenericSchema>(schema: T, args: Json, name: string): v.InferOutput<T> {
  const parsed = v.safeParse(schema, args);
  if (parsed.success) return parsed.output;
  const [issue] = issuesOf(parsed.issues);
  throw new CapabilityError(`${name}: ${issue?.path || "the arguments"} ${issue?.message ?? "are not valid"}`);
}

/** What `once` is to do, once: `subject` names it within its call, such as `["incrementCounter", key, counterId]`. */
export type Effect<T extends Json> = { subject: readonly string[]; work(tx: Database, nowMs: number): Promise<T> };

/**
 * Changes something in one transaction, once for a call of an attempt: whoever takes up the attempt and calls again gets the
 * first answer. A run that holds its claim no longer changes nothing. `sale` is that of a real run.
 */
export async function once<T extends Json>(
  { engine, environment, idempotencyKey, seq }: CallContext,
  sale: Sale,
  { subject, work }: Effect<T>,
): Promise<Json> {
  const key = {
    environmentId: environment.id,
    call: `${idempotencyKey}-${seq}`,
    subject: (await sha256Hex(JSON.stringify(subject))).slice(0, 32),
  };
  return engine.storage.write(async (tx) => {
    const [known] = await tx
      .select({ answer: workflowEffects.answer })
      .from(workflowEffects)
      .where(
        and(
          eq(workflowEffects.environmentId, key.environmentId),
          eq(workflowEffects.call, key.call),
          eq(workflowEffects.subject, key.subject),
        ),
      );
    if (known !== undefined) return v.parse(Json, JSON.parse(known.answer));
    await assertHeld(tx, sale.claim);
    const createdAt = engine.now();
    const answer = await work(tx, createdAt);
    await tx.insert(workflowEffects).values({ ...key, answer: JSON.stringify(answer), createdAt });
    return answer;
  });
}

/** Throws where a claim has been settled or taken over: what such a run still asks for is nobody's wish any more. */
export async function assertHeld(tx: Database, claim: Claim): Promise<void> {
  const [held] = await tx
    .select({ attempt: redemptions.attempt })
    .from(redemptions)
    .where(
      and(
        eq(redemptions.environmentId, claim.environmentId),
        eq(redemptions.offeringId, claim.offeringId),
        eq(redemptions.identityKey, claim.identityKey),
        eq(redemptions.claimId, claim.claimId),
        eq(redemptions.status, "running"),
      ),
    );
  if (held === undefined) throw new CapabilityError("this run has ended: nothing can be changed any more");
}
