import type { SandboxOutcome } from "../sandbox.ts";
import type { Lane } from "./lane.ts";
import { endRun, outOfMemory, overBudget, type PoolRun, rewind } from "./pool-run.ts";
import type { ProcessEnd } from "./sandbox-process.ts";
import { overweight } from "./weights.ts";

const grownMinBytes = 8 << 20;

/**
 * What becomes of a run whose process has ended, `guilty` being to blame: its verdict if it is to blame, otherwise another try elsewhere. A run that was
 * cancelled in the meantime may still be to blame.
 */
export function judge(
  lane: Lane,
  run: PoolRun,
  end: ProcessEnd,
  guilty: PoolRun | undefined,
): "blamed" | "again" | "over" {
  if (guilty === run) {
    lane.shares.charge(run.job.tenant, run.job.budgets.cpuMs);
    // a process that did not come back told no CPU time either; it was busy all the while
    if (end.reason === "overdue") run.cpuMs = Math.max(run.cpuMs, run.job.budgets.cpuMs);
    endRun(run, verdict(run, end));
    return "blamed";
  }
  if (run.outcome) return "over";
  if (lane.current === run && run.inFlight !== undefined) run.deathsInside += 1;
  // others' guilt is counted against nobody, however often they have it, and neither is a process that never began
  if (guilty === undefined && lane.wasReady) run.deaths += 1;
  if (run.deathsInside > 2 || run.deaths > 5) {
    endRun(run, { kind: "host-failure", reason: "process-lost", message: end.message });
    return "over";
  }
  rewind(run);
  return "again";
}

function verdict(run: PoolRun, { reason, message }: ProcessEnd): SandboxOutcome {
  if (reason === "overdue") return overBudget(run);
  if (reason === "swollen" || reason === "out-of-memory" || overweight([run])) return outOfMemory(run);
  return { kind: "host-failure", reason: "process-lost", message };
}

/**
 * Whom the end of a process is to be blamed on: mostly the run that was in the guest. But memory may run out in the turn of
 * somebody who took none of it: then it is who has taken most, if anybody is known to, and nobody the first time if not.
 */
export function culprit(lane: Lane, { reason }: ProcessEnd): PoolRun | undefined {
  const inside = lane.current?.inFlight === undefined ? undefined : lane.current;
  if (reason === "killed" || reason === "retired" || reason === "closed") return undefined;
  if (reason === "overdue" || reason === "lied") return inside;
  const { seen } = lane;
  if (inside && seen && seen.slice === inside.inFlight && seen.grownBytes > grownMinBytes) return inside;
  return overweight(lane.runs) ?? (inside && inside.deathsInside > 0 ? inside : undefined);
}
