import { ScripError } from "./error.ts";
import type { HostFailureReason, SandboxOutcome } from "./sandbox.ts";

/** A run that the sandbox could not make, whatever the workflow is: `cause` for programs, `reason` for people. */
export type Unavailable = {
  kind: "unavailable";
  cause: HostFailureReason | "cancelled";
  reason: string;
  retryAfterSeconds: number;
};

/** Worth another try at once, where the sandbox does not say when. */
const soonMs = 1000;

/** What an outcome says of the sandbox, or null where it says something of the workflow. */
export function unavailable(outcome: SandboxOutcome): Unavailable | null {
  if (outcome.kind !== "host-failure" && outcome.kind !== "cancelled") return null;
  const isFailure = outcome.kind === "host-failure";
  const retryAfterMs = (isFailure ? outcome.retryAfterMs : undefined) ?? soonMs;
  return {
    kind: "unavailable",
    cause: isFailure ? outcome.reason : "cancelled",
    reason: outcome.message,
    retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMs / 1000)),
  };
}

/** The refusal that tells a caller to come back: 503 with `Retry-After`. */
export function sandboxBusy(message: string, { reason, retryAfterSeconds }: Unavailable, eventId?: string): ScripError {
  const details = { retryAfterSeconds, cause: reason };
  return new ScripError("sandbox_busy", message, eventId === undefined ? details : { ...details, eventId });
}
