import { cpuSliceMs, type PoolRun, wallLeftMs } from "./pool-run.ts";
import type { Shares } from "./shares.ts";

/** A lane, as far as whose turn it is goes. `dueMs` is when the process is ended if `current` is not over. */
type Turns = {
  readonly queue: PoolRun[];
  readonly shares: Shares;
  readonly current: PoolRun | undefined;
  readonly dueMs: number;
};

/** A run of so many slices is no longer soon at its end. */
const soonOverSlices = 8;

/**
 * Takes the run out of a lane's queue whose slice the process is to make next: one whose tenant has used least lately. Of one
 * tenant's those that have begun not long ago come first: what is soon at its end gives its isolate back, and many that are half
 * done are slower than few, one after another. Undefined when there is none, or none that may be sent ahead.
 */
export function takeNext(lane: Turns): PoolRun | undefined {
  const { queue, shares } = lane;
  const nowMs = performance.now();
  let best: { at: number; tenant: string; usedMs: number; begun: boolean } | undefined;
  for (const [at, { job, history }] of queue.entries()) {
    const { tenant } = job;
    const begun = history.length > 0 && history.length < soonOverSlices;
    const usedMs = tenant === best?.tenant ? best.usedMs : shares.usedMs(tenant, nowMs);
    const isBetter = !best || usedMs < best.usedMs || (usedMs === best.usedMs && begun && !best.begun);
    if (isBetter) best = { at, tenant, usedMs, begun };
  }
  const run = best && queue[best.at];
  if (!best || !run || (lane.current && !mayGoAhead(lane, lane.current, run))) return undefined;
  queue.splice(best.at, 1);
  return run;
}

/**
 * A slice that is sent ahead waits for the one under way, however long that takes: nobody does who has little time left, and
 * nobody behind or before a tenant that holds processes for long, since somebody lighter may come in the meantime.
 */
function mayGoAhead({ shares, dueMs }: Turns, current: PoolRun, run: PoolRun): boolean {
  if (run === current || shares.isHeavy(current.job.tenant) || shares.isHeavy(run.job.tenant)) return false;
  return wallLeftMs(run) > dueMs - performance.now() + cpuSliceMs(run);
}
