import * as v from "valibot";
import { Json } from "../schemas/json.ts";
import type { Budgets } from "../schemas/workflow.ts";
import { createsCheckoutSession, recordPendingPurchase, type Sale, withReferences } from "./checkout.ts";
import type { Engine } from "./engine.ts";
import type { Environment } from "./environments.ts";
import { issuesOf } from "./issues.ts";
import { fetchOutbound, OutboundRequest } from "./outbound.ts";
import type { HostAnswer, HostCall, HostCallHandler } from "./sandbox.ts";
import { type StripeAnswer, StripeRequest, sendToStripe } from "./stripe.ts";

/** A host call as the event keeps it. `answer` is what the workflow got, or the error it saw. */
export type HostCallRecord = {
  seq: number;
  name: string;
  args: Json;
  startedAtMs: number;
  durationMs: number;
  ok: boolean;
  answer: Json;
};

/** What the capabilities of one run work for. `idempotencyKey` is stable over replays of the same attempt. */
export type RunContext = {
  engine: Engine;
  environment: Environment;
  budgets: Budgets;
  /** What a Checkout Session is sold for; null for a try, which sells nothing. */
  sale: Sale | null;
  idempotencyKey: string;
};

/** What one call knows of its run. Stripe requests in `unheard` may have had an effect that nobody was told of. */
type CallContext = RunContext & { seq: number; unheard: Set<number> };

type Capability = (context: CallContext, args: Json) => Promise<unknown>;

/** Everything that a workflow can ask of the host. A name that is not here is refused. */
const capabilities: Record<string, Capability> = {
  "stripe.fetch": callStripe,
  fetch: callFetch,
};

/** An error whose message is for the workflow's author. Other errors are told as "internal error". */
class CapabilityError extends Error {
  override readonly name = "CapabilityError";
}

/** The host's side of one run. */
export type Host = {
  handler: HostCallHandler;
  calls: HostCallRecord[];
  /** Whether Stripe may have done something whose answer is not known: sent again, it needs the same key. */
  hasUnheard(): boolean;
};

/** The host's side of one run: answers its calls and keeps a record of each. */
export function createHost(context: RunContext): Host {
  const calls: HostCallRecord[] = [];
  const unheard = new Set<number>();
  const startedMs = performance.now();
  return {
    calls,
    hasUnheard: () => unheard.size > 0,
    async handler(call) {
      const beganMs = performance.now();
      const answer = await answerCall({ ...context, seq: call.seq, unheard }, call);
      calls.push({
        seq: call.seq,
        name: call.name,
        args: call.args,
        startedAtMs: round(beganMs - startedMs),
        durationMs: round(performance.now() - beganMs),
        ok: answer.ok,
        answer: answer.ok ? answer.value : answer.error,
      });
      return answer;
    },
  };
}

async function answerCall(context: CallContext, call: HostCall): Promise<HostAnswer> {
  const capability = Object.hasOwn(capabilities, call.name) ? capabilities[call.name] : undefined;
  if (capability === undefined) return refuse("TypeError", `unknown capability ${call.name}`);
  try {
    return { ok: true, value: v.parse(Json, await capability(context, call.args)) };
  } catch (error) {
    if (error instanceof CapabilityError || error instanceof TypeError) return refuse("TypeError", error.message);
    context.engine.onFault(error, `host call ${call.name} failed`);
    return refuse("Error", "internal error in the host");
  }
}

const StripeArguments = v.object({ accountId: v.string(), request: StripeRequest });

async function callStripe(context: CallContext, args: Json): Promise<StripeAnswer> {
  const { engine, environment, sale, seq, unheard } = context;
  const { accountId, request } = parseArguments(StripeArguments, args, "stripe.fetch");
  const secretKey = environment.stripeAccounts.get(accountId);
  if (secretKey === undefined)
    throw new CapabilityError(`unknown Stripe account ${accountId}: connect it to this environment`);
  if (
    createsCheckoutSession(request) &&
    Object.keys(request.headers ?? {}).some((name) => /^stripe-account$/i.test(name))
  )
    throw new CapabilityError("a Checkout Session cannot be made for Stripe-Account: connect that account instead");
  const sells = sale !== null && createsCheckoutSession(request);
  const sent = sells ? withReferences(request, environment.id, sale) : request;
  const client = engine.stripe(secretKey);
  if (request.method === "POST") unheard.add(seq);
  const answer = await sendToStripe(client, sent, `${context.idempotencyKey}-${seq}`);
  // recorded before the workflow learns of the session: no buyer can pay for what we do not know of
  if (sells && answer.ok) await recordPendingPurchase(engine, { accountId, answer: answer.body, sale });
  if (isHeard(answer)) unheard.delete(seq);
  if (JSON.stringify(answer.body).length > context.budgets.responseBytes) {
    throw new CapabilityError(`Stripe's answer is larger than ${context.budgets.responseBytes} bytes`);
  }
  return answer;
}

const Unheard = v.object({
  error: v.union([
    v.object({ type: v.literal("api_connection_error") }),
    v.object({ code: v.literal("idempotency_key_in_use") }),
  ]),
});

/** Not when no answer came, and not while an earlier request of the same key is still under way. */
function isHeard({ ok, body }: StripeAnswer): boolean {
  return ok || !v.is(Unheard, body);
}

async function callFetch({ engine, environment, budgets }: CallContext, args: Json) {
  const request = parseArguments(OutboundRequest, args, "fetch");
  const { responseBytes, wallMs } = budgets;
  const policy = { origins: environment.compiled.config.outboundOrigins, responseBytes, timeoutMs: wallMs };
  return fetchOutbound(engine.publicFetch, request, policy).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : "unknown error";
    throw new CapabilityError(`fetch failed: ${reason}`);
  });
}

function parseArguments<T extends v.GenericSchema>(schema: T, args: Json, name: string): v.InferOutput<T> {
  const parsed = v.safeParse(schema, args);
  if (parsed.success) return parsed.output;
  const [issue] = issuesOf(parsed.issues);
  throw new CapabilityError(`${name}: ${issue?.path || "the arguments"} ${issue?.message ?? "are not valid"}`);
}

function refuse(name: string, message: string): HostAnswer {
  return { ok: false, error: { name, message } };
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
