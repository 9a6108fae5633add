import * as v from "valibot";
import { StripeCheckoutValues } from "../schemas/config.ts";
import type { Identity } from "../schemas/identity.ts";
import type { Json, JsonObject } from "../schemas/json.ts";
import { WorkflowResult } from "../schemas/workflow.ts";
import type { RunContext } from "./capabilities/call.ts";
import { createHost, type HostCallRecord } from "./capabilities.ts";
import type { CompiledMethod, CompiledOffer, CompiledPlan } from "./config/compiled.ts";
import type { VisitorContext } from "./context.ts";
import { maskedEnv } from "./environments.ts";
import { testGroup100 } from "./identity.ts";
import { checkoutInstructions, stripeCheckoutSchema } from "./instructions.ts";
import { issuesOf } from "./issues.ts";
import { returnEndpoint } from "./return-url.ts";
import { type Position, readableStack, sourcePosition } from "./sandbox/source-position.ts";
import type { LogLine, SandboxOutcome } from "./sandbox.ts";
import { tenantName } from "./tenants.ts";
import { type Unavailable, unavailable } from "./unavailable.ts";

/** What a workflow is run on. */
export type WorkflowInput = {
  identity: Identity;
  offer: CompiledOffer;
  plan: CompiledPlan | null;
  offeringId: string;
  token: string;
  context: VisitorContext;
  resource: JsonObject | null;
};

/** How a run came out: a valid result, a workflow that broke, or a sandbox that could not run it. */
export type RunVerdict = { kind: "result"; result: WorkflowResult } | { kind: "broken"; reason: string } | Unavailable;

/** An error of the author's code. `line` and `column` count from 1, and are null for an error that is of no place. */
export type ThrownError = { name: string; message: string; line: number | null; column: number | null; stack: string };

/** One run, as the event keeps it. Times in milliseconds. */
export type WorkflowRun = {
  verdict: RunVerdict;
  outcome: string;
  codeHash: string;
  input: JsonObject;
  result: Json;
  /** What the workflow threw, with its place and stack in the author's TypeScript; null when it threw nothing. */
  error: ThrownError | null;
  logs: LogLine[];
  logsTruncated: boolean;
  hostCalls: HostCallRecord[];
  /** Whether Stripe may have done something that the workflow was not told of. */
  unheard: boolean;
  cpuMs: number;
  wallMs: number;
};

/** Runs a method's workflow and validates what it returned. Never rejects for what the workflow does. */
export async function runWorkflow(
  context: RunContext,
  {
    runId,
    method,
    input,
    signal,
  }: { runId: string; method: CompiledMethod; input: WorkflowInput; signal: AbortSignal },
): Promise<WorkflowRun> {
  const { engine, environment, budgets } = context;
  const host = createHost(context);
  const argument = argumentOf(input, context.guarded ? maskedEnv(environment) : environment.env);
  const run = await engine.sandbox.run(
    {
      runId,
      tenant: tenantName({
        purpose: context.sale === null ? "try" : "redeem",
        environmentId: environment.id,
        methodSlug: method.slug,
      }),
      module: { codeHash: method.workflow.codeHash, script: method.workflow.script },
      // what `utils` is made of, beside what the workflow is given
      input: { ...argument, utils: { returnEndpoint: returnEndpoint(engine.publicUrl) } },
      budgets,
      signal,
    },
    host.handler,
  );
  if (context.sale !== null) engine.runCounts.add(environment.id, method.slug, run.outcome.kind);
  const { sourceMap } = method.workflow;
  const error = thrownIn(run.outcome, sourceMap);
  return {
    verdict: verdictOf(run.outcome, error),
    outcome: run.outcome.kind,
    codeHash: method.workflow.codeHash,
    input: argument,
    result: run.outcome.kind === "returned" ? run.outcome.value : null,
    error,
    logs: run.logs.map((line) => ({ ...line, message: readableStack(sourceMap, line.message) })),
    logsTruncated: run.logsTruncated,
    hostCalls: host.calls,
    unheard: host.hasUnheard(),
    cpuMs: run.cpuMs,
    wallMs: run.wallMs,
  };
}

/** The workflow's argument, as `mos:workflow` types it, less `utils`. */
function argumentOf(input: WorkflowInput, env: Record<string, string>): JsonObject {
  const { identity, offer, plan, context } = input;
  return {
    identity: {
      authType: identity.authType,
      identifier: identity.identifier,
      jwtClaims: identity.jwtClaims,
      testGroup100: testGroup100(identity.identifier),
      userType: identity.isAuthenticated ? "authenticated" : "anonymous",
    },
    offer: {
      offerId: offer.id,
      offeringId: input.offeringId,
      presentation: offer.offer.presentation,
      redemption: redemptionValues(offer, plan),
      redemptionSchema: offer.method.schema,
      token: input.token,
      plan: plan === null ? null : { ...plan.shown },
    },
    context: { ...context },
    resource: input.resource,
    env,
  };
}

/** What the offer's redemption schema makes of its values. */
function redemptionValues(offer: CompiledOffer, plan: CompiledPlan | null): JsonObject {
  if (offer.method.schema !== stripeCheckoutSchema) return offer.offer.redemption;
  const values = v.parse(StripeCheckoutValues, offer.offer.redemption);
  return { accountId: values.accountId, instructions: checkoutInstructions(values, plan?.plan ?? null) };
}

function thrownIn(outcome: SandboxOutcome, sourceMap: string): ThrownError | null {
  if (outcome.kind !== "threw") return null;
  const { name, message, stack, line, column } = outcome.error;
  const at: Position | undefined =
    line === undefined ? undefined : sourcePosition(sourceMap, { line, column: column ?? 1 });
  return { name, message, line: at?.line ?? null, column: at?.column ?? null, stack: readableStack(sourceMap, stack) };
}

function verdictOf(outcome: SandboxOutcome, thrown: ThrownError | null): RunVerdict {
  const refusal = unavailable(outcome);
  if (refusal !== null) return refusal;
  switch (outcome.kind) {
    case "returned": {
      const parsed = v.safeParse(WorkflowResult, outcome.value);
      if (parsed.success) return { kind: "result", result: parsed.output };
      const problems = issuesOf(parsed.issues).map(({ path, message }) =>
        path === "" ? message : `${path} ${message}`,
      );
      return { kind: "broken", reason: `the workflow returned something else than a result: ${problems.join("; ")}` };
    }
    case "threw": {
      const { name, message } = outcome.error;
      const where = !thrown?.line ? "" : ` (line ${thrown.line}, column ${thrown.column})`;
      return { kind: "broken", reason: `the workflow threw ${name}: ${message}${where}` };
    }
    default:
      return { kind: "broken", reason: `${outcome.kind}: ${outcome.message}` };
  }
}
