import type { Identity } from "../schemas/identity.ts";
import { type AdmittedRedemption, admit, type RedemptionInput } from "./admission.ts";
import type { RecordedAnswer } from "./claims.ts";
import type { Engine } from "./engine.ts";
import { ScripError } from "./error.ts";
import { refusalEvent } from "./event-data.ts";
import { newEventId } from "./event-id.ts";
import { identityKey, resolveIdentity } from "./identity.ts";
import type { Caller } from "./keys.ts";
import { redeemOffering } from "./redeem-offering.ts";
import { isStorageError } from "./storage-fault.ts";

/**
 * Redeems an offer token. Resolves with the answer of the workflow, the same for every request of one offering and
 * identity; throws a `ScripError` with the code of the refusal, and then no workflow has run.
 */
export async function redeem(engine: Engine, caller: Caller, input: RedemptionInput): Promise<RecordedAnswer> {
  const count = (outcome: string) => engine.redemptionCounts.add(caller.environment.id, outcome);
  try {
    const answer = await answerFor(engine, caller, input);
    count(wordOf(answer));
    return answer;
  } catch (error) {
    if (error instanceof ScripError) count(error.code);
    else count(isStorageError(error) ? "storage_unavailable" : "internal_error");
    throw error;
  }
}

function wordOf({ body: { status, code } }: RecordedAnswer): string {
  return status === "success" ? "success" : String(code);
}

async function answerFor(engine: Engine, caller: Caller, input: RedemptionInput): Promise<RecordedAnswer> {
  const identity = await resolveIdentity(engine, caller, input.request.identity);
  try {
    const admitted = await admit(engine, caller, input, identity);
    return await once(engine, admitted, () => redeemOffering(engine, admitted));
  } catch (error) {
    if (!(error instanceof ScripError)) throw error;
    throw await recordRefusal(engine, caller, { input, identity, error });
  }
}

/** Requests of one process for the same offering and identity share one answer. */
function once(engine: Engine, { caller, claims, identity }: AdmittedRedemption, work: () => Promise<RecordedAnswer>) {
  const key = JSON.stringify([caller.environment.id, claims.jti, identityKey(identity)]);
  const first = engine.redemptionsUnderWay.get(key);
  if (first !== undefined) return first;
  const answer = work().finally(() => engine.redemptionsUnderWay.delete(key));
  engine.redemptionsUnderWay.set(key, answer);
  return answer;
}

type Refusal = { input: RedemptionInput; identity: Identity; error: ScripError };

/** Records a refusal that has no event yet, and gives the error its `eventId`. */
async function recordRefusal(engine: Engine, caller: Caller, { input, identity, error }: Refusal): Promise<ScripError> {
  if (error.eventId !== undefined) return error;
  await engine.events.pressure();
  const eventId = newEventId();
  const { request } = input;
  engine.events.record(refusalEvent({ caller, request, identity, error, eventId, nowMs: engine.now() }));
  const { code, message, issues, retryAfterSeconds, cause } = error;
  return new ScripError(code, message, {
    eventId,
    cause,
    ...(issues === undefined ? {} : { issues }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}
