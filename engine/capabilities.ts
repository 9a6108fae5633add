import * as v from "valibot";
import { Json } from "../schemas/json.ts";
import { type CallContext, type Capability, CapabilityError, type RunContext } from "./capabilities/call.ts";
import { grantEntitlement, hasEntitlement } from "./capabilities/entitlements.ts";
import {
  countUp,
  deleteData,
  getSources,
  getTargets,
  readData,
  resolveJwt,
  writeData,
} from "./capabilities/identity.ts";
import { callFetch } from "./capabilities/outbound-fetch.ts";
import { callStripe } from "./capabilities/stripe.ts";
import type { HostAnswer, HostCall, HostCallHandler } from "./sandbox.ts";
import { isStorageError } from "./storage-fault.ts";

/** A host call as the event keeps it. `answer` is what the workflow got, or the error it saw. */
export type HostCallRecord = {
  seq: number;
  name: string;
  args: Json;
  startedAtMs: number;
  durationMs: number;
  ok: boolean;
  answer: Json;
  /** In a try: it would have changed something, and did not. */
  simulated?: true;
};

/** Everything that a workflow can ask of the host. A name that is not here is refused. */
const capabilities: Record<string, Capability> = {
  "stripe.fetch": callStripe,
  fetch: callFetch,
  "entitlements.has": hasEntitlement,
  "entitlements.grant": grantEntitlement,
  "identity.readCustomData": readData,
  "identity.writeCustomData": writeData,
  "identity.deleteCustomData": deleteData,
  "identity.incrementCounter": countUp,
  "identity.getLinkedSources": getSources,
  "identity.getLinkedTargets": getTargets,
  "identity.resolveJwt": resolveJwt,
};

/** What changes our own data: a try answers it and does not do it. */
const changing = new Set([
  "entitlements.grant",
  "identity.writeCustomData",
  "identity.deleteCustomData",
  "identity.incrementCounter",
]);

/** The host's side of one run. */
export type Host = {
  handler: HostCallHandler;
  calls: HostCallRecord[];
  /** Whether something may have been done whose answer is not known: asked for again, it needs the same key. */
  hasUnheard(): boolean;
};

/** The host's side of one run: answers its calls and keeps a record of each. */
export function createHost(context: RunContext): Host {
  const calls: HostCallRecord[] = [];
  const unheard = new Set<number>();
  const grants = new Map<string, number>();
  const startedMs = performance.now();
  return {
    calls,
    hasUnheard: () => unheard.size > 0,
    async handler(call) {
      const beganMs = performance.now();
      const answer = await answerCall({ ...context, seq: call.seq, unheard, grants }, call);
      calls.push({
        seq: call.seq,
        name: call.name,
        args: call.args,
        startedAtMs: round(beganMs - startedMs),
        durationMs: round(performance.now() - beganMs),
        ok: answer.ok,
        answer: answer.ok ? answer.value : answer.error,
        ...(context.sale === null && changing.has(call.name) ? { simulated: true } : {}),
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
    if (error instanceof CapabilityError) return refuse("TypeError", error.message);
    context.engine.onFault(error, `host call ${call.name} failed`);
    if (isStorageError(error)) {
      // whether it was written is not sure: the attempt must be taken up under its own number
      if (changing.has(call.name)) context.unheard.add(call.seq);
      return refuse("Error", "the database does not answer just now: the redemption may be tried again");
    }
    return refuse("Error", "internal error in the host");
  }
}

function refuse(name: string, message: string): HostAnswer {
  return { ok: false, error: { name, message } };
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
