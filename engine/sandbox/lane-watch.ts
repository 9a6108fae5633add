import type { Lane } from "./lane.ts";
import { endRun, outOfMemory, overBudget, type PoolRun, rewind, type Slice } from "./pool-run.ts";
import { residentBytes } from "./resident-memory.ts";
import type { ProcessEnd } from "./sandbox-process.ts";

const swellSlackBytes = 64 << 20;

/** Looks after a process: ends one that does not come back from a slice, or takes too much memory. */
export function watch(lane: Lane, capBytes: number): void {
  const slice = lane.current?.inFlight;
  // the report may be waiting to be read while this process was busy: look once more after the next reads
  if (slice && performance.now() > lane.dueMs) setImmediate(() => suspect(lane, slice));
  weigh(lane, capBytes);
}

function suspect(lane: Lane, slice: Slice): void {
  if (lane.current?.inFlight !== slice) return;
  lane.process.kill({ reason: "overdue", message: "the sandbox process did not come back from the run" });
}

/**
 * Ends a process in which one slice, seen at two weighings, has taken far more memory than its run may use. A process past
 * `capBytes` without that is ended too, but no run is to blame.
 */
function weigh(lane: Lane, capBytes: number): void {
  const pid = lane.process.pid();
  const bytes = pid === undefined ? undefined : residentBytes(pid);
  if (bytes === undefined || lane.state !== "ready") return;
  const slice = lane.current?.inFlight;
  if (lane.weighed?.slice !== slice) lane.weighed = slice && { slice, bytes };
  const grownBytes = lane.weighed ? bytes - lane.weighed.bytes : 0;
  const budgetBytes = lane.current?.job.budgets.memoryBytes ?? 0;
  if (grownBytes > 3 * budgetBytes + swellSlackBytes || (bytes > capBytes && grownBytes > budgetBytes)) {
    lane.process.kill({ reason: "swollen", message: "the run used too much memory" });
  } else if (bytes > capBytes) {
    lane.process.kill({ reason: "killed", message: "the sandbox process used too much memory" });
  }
}

/** What becomes of a run whose process has ended: its verdict if it is to blame, otherwise another try elsewhere. */
export function judge(lane: Lane, run: PoolRun, end: ProcessEnd): "blamed" | "again" | "over" {
  if (run.outcome) return "over";
  const inside = lane.current === run && run.inFlight !== undefined;
  const guilty = inside && end.reason !== "killed" && end.reason !== "closed";
  if (guilty) {
    lane.shares.charge(run.job.tenant, run.job.budgets.cpuMs);
    // a process that did not come back told no CPU time either; it was busy all the while
    if (end.reason === "overdue") run.cpuMs = Math.max(run.cpuMs, run.job.budgets.cpuMs);
    if (end.reason === "overdue") endRun(run, overBudget(run));
    else if (end.reason === "swollen" || end.reason === "out-of-memory") endRun(run, outOfMemory(run));
    else endRun(run, { kind: "host-failure", reason: "process-lost", message: end.message });
    return "blamed";
  }
  run.deaths += 1;
  if (inside) run.deathsInside += 1;
  if (run.deathsInside > 2 || run.deaths > 5) {
    endRun(run, { kind: "host-failure", reason: "process-lost", message: end.message });
    return "over";
  }
  rewind(run);
  return "again";
}
