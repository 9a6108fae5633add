import type { Lane } from "./lane.ts";
import { residentBytes } from "./resident-memory.ts";
import { mainThreadCpuMs } from "./thread-cpu.ts";
import { noteBytes, overweight, swollen } from "./weights.ts";

/** Before a slice is first looked at, and by how much the CPU times of two looks may be off. */
const unseenCpuMs = 30;
const swellSlackBytes = 64 << 20;

/** Whether there is anything to look after: runs, or memory that runs may have taken since the last look. */
export function isWatched({ runs, weights }: Lane): boolean {
  return runs.size > 0 || weights.cpuMs.size > 0;
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
  if (lane.seen?.slice !== slice) lane.seen = slice && { slice, bytes: bytes ?? 0, cpuMs, grownBytes: 0 };
  if (slice && isStuck(lane, cpuMs)) {
    const reason = isStarved(lane, cpuMs) ? "killed" : "overdue";
    lane.process.kill({ reason, message: "the sandbox process did not come back from the run" });
  } else if (bytes !== undefined) weigh(lane, bytes, capBytes);
}

/**
 * Nothing inside stops a slice in one of V8's own functions: it is late, and has used up its run's CPU time. It may be late for
 * want of a core as well, but not for ever.
 */
function isStuck({ current, seen, lateMs, dueMs }: Lane, cpuMs: number): boolean {
  const nowMs = performance.now();
  if (!current || !seen || nowMs < lateMs) return false;
  const leftMs = current.job.budgets.cpuMs - current.cpuMs;
  return nowMs > dueMs || cpuMs - seen.cpuMs >= leftMs - unseenCpuMs;
}

/** Whether the process has hardly had a core: then it is ended, and nobody is to blame. */
function isStarved({ current, seen }: Lane, cpuMs: number): boolean {
  if (!current || !seen) return false;
  return cpuMs - seen.cpuMs < (current.job.budgets.cpuMs - current.cpuMs - unseenCpuMs) / 2;
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
