import type { Lane } from "./lane.ts";
import type { Slice } from "./pool-run.ts";
import { residentBytes } from "./resident-memory.ts";
import { mainThreadCpuMs } from "./thread-cpu.ts";
import { createWeights, isWorthALook, noteBytes, overweight, type Seen, swollen } from "./weights.ts";

/** Before a slice is first looked at, and by how much the CPU times of two looks may be off. */
const unseenCpuMs = 30;
/** What a slice that its own limit stops may take to come back: milliseconds of CPU time, however long it waits for a core. */
const returnCpuMs = 25;
const swellSlackBytes = 64 << 20;

/** Whether there is anything to look after: a slice that is under way, or memory that slices may have taken since the last look. */
export function isWatched({ current, weights }: Lane): boolean {
  return current !== undefined || isWorthALook(weights);
}

/** Whether the slice under way is past its limit, or will be in so many milliseconds. */
export function isAtLimit({ current, limitMs }: Lane, withinMs: number): boolean {
  return current !== undefined && performance.now() > limitMs - withinMs;
}

/**
 * Looks after a process: ends one that does not come back from a slice, or takes too much memory. To be called often, and always
 * after what the process has said was read: otherwise a slice that is over would be blamed for the one behind it.
 */
export function watch(lane: Lane, capBytes: number): void {
  const pid = lane.process.pid();
  const bytes = pid === undefined ? undefined : residentBytes(pid);
  const slice = lane.current?.inFlight;
  const cpuMs = (pid === undefined || !slice ? undefined : mainThreadCpuMs(pid)) ?? Number.NaN;
  if (bytes !== undefined) noteBytes(lane.weights, bytes, lane.seen?.slice === slice ? lane.current : undefined);
  // where nobody tells the memory of a process, its runs are not kept for that
  else lane.weights = createWeights();
  if (lane.seen?.slice !== slice) lane.seen = slice && firstLook(slice, bytes, cpuMs);
  else if (lane.seen && performance.now() < lane.limitMs) lane.seen.before = { cpuMs, atMs: performance.now() };
  if (slice && isStuck(lane, cpuMs)) {
    const reason = isStarved(lane, cpuMs) ? "killed" : "overdue";
    lane.process.kill({ reason, message: "the sandbox process did not come back from the run" });
  } else if (bytes !== undefined) weigh(lane, bytes, capBytes);
}

function firstLook(slice: Slice, bytes: number | undefined, cpuMs: number): Seen {
  return { slice, bytes: bytes ?? 0, cpuMs, grownBytes: 0, before: { cpuMs, atMs: performance.now() } };
}

/**
 * Nothing inside stops a slice in one of V8's own functions: it goes on past its limit, and has used up its run's CPU time. One
 * that is stopped may be late for want of a core as well, but not for ever; what it had logged is worth waiting for.
 */
function isStuck({ current, seen, sliceMs, limitMs, dueMs }: Lane, cpuMs: number): boolean {
  const nowMs = performance.now();
  if (!current || !seen || nowMs < limitMs) return false;
  if (nowMs > dueMs) return true;
  // at most, if it had a core all the while
  const atLimitMs = seen.before.cpuMs + Math.max(0, limitMs - seen.before.atMs);
  return cpuMs - seen.cpuMs >= sliceMs - unseenCpuMs && cpuMs - atLimitMs >= returnCpuMs;
}

/**
 * Whether the process has hardly had a core: then it is ended, and nobody is to blame. A slice may be bounded by what is left of its
 * run's wall time, far below its CPU time.
 */
function isStarved({ current, seen, sliceMs }: Lane, cpuMs: number): boolean {
  if (!current || !seen) return false;
  const mayMs = Math.min(sliceMs, current.job.budgets.cpuMs - current.cpuMs);
  return cpuMs - seen.cpuMs < Math.max(returnCpuMs, (mayMs - unseenCpuMs) / 2);
}

/**
 * Ends a process in which one run has taken far more memory than it may, in one slice or in many. A process past `capBytes`
 * without that is ended too; then a run may be to blame, or none.
 */
function weigh(lane: Lane, bytes: number, capBytes: number): void {
  if (lane.state !== "ready") return;
  const grownBytes = lane.seen ? bytes - lane.seen.bytes : 0;
  if (lane.seen) lane.seen.grownBytes = Math.max(lane.seen.grownBytes, grownBytes);
  const budgetBytes = lane.current?.job.budgets.memoryBytes ?? 0;
  const far = grownBytes > 3 * budgetBytes + swellSlackBytes || swollen(lane.runs);
  if (far || (bytes > capBytes && grownBytes > budgetBytes)) {
    lane.process.kill({ reason: "swollen", message: "the run used too much memory" });
  } else if (bytes > capBytes) {
    const reason = overweight(lane.runs) ? "swollen" : "killed";
    lane.process.kill({ reason, message: "the sandbox process used too much memory" });
  }
}
