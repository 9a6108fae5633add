import { board, type Lane } from "./lane.ts";
import type { PoolRun } from "./pool-run.ts";
import type { Shares } from "./shares.ts";
import type { WaitingRoom } from "./waiting-room.ts";

/** A pool, as far as its places go. `seated` counts the runs of each tenant that have one. */
export type Seats = {
  readonly options: { readonly processes: number; readonly runsPerProcess: number };
  readonly lanes: readonly Lane[];
  readonly room: WaitingRoom;
  readonly shares: Shares;
  readonly seated: Map<string, number>;
};

/** A tenant may hold so many times as many places as are left beside one, in the processes and in the waiting room. */
const shareOfFree = 3;

/** Gives waiting runs their places, those first whose tenants have the fewest. */
export function seat(pool: Seats): void {
  while (pool.room.size() > 0) {
    const left = placesLeft(pool);
    const next = pool.room.next((tenant) => {
      const seated = pool.seated.get(tenant) ?? 0;
      return mayTake(seated, left) && pool.lanes.some((lane) => isOpenTo(pool, lane, tenant)) ? seated : undefined;
    });
    const lane = next && bestLane(pool, next);
    if (!lane) return;
    pool.seated.set(next.job.tenant, (pool.seated.get(next.job.tenant) ?? 0) + 1);
    board(lane, next);
  }
}

/** Notes that a run has given its place back. */
export function rise({ seated }: Seats, { job }: PoolRun): void {
  const left = (seated.get(job.tenant) ?? 0) - 1;
  if (left > 0) seated.set(job.tenant, left);
  else seated.delete(job.tenant);
}

/** Whether a tenant that has `taken` places may have one of those `left`: a crowd of one leaves some to others. */
export function mayTake(taken: number, left: number): boolean {
  return left > 0 && (taken === 0 || taken < shareOfFree * (left - 1));
}

/** Whether there is a place in a lane. */
export function isFree({ options }: Seats, lane: Lane): boolean {
  return lane.state !== "ended" && lane.runs.size < options.runsPerProcess;
}

function placesLeft({ lanes, options }: Seats): number {
  return lanes.reduce((left, lane) => left + (lane.state === "ended" ? 0 : options.runsPerProcess - lane.runs.size), 0);
}

/** Tenants that hold processes for long share the first half of them, so that the others have some without. */
function isOpenTo(pool: Seats, lane: Lane, tenant: string): boolean {
  if (!isFree(pool, lane)) return false;
  return lane.slot < Math.max(1, pool.options.processes >> 1) || !pool.shares.isHeavy(tenant);
}

function bestLane(pool: Seats, { job, key }: PoolRun): Lane | undefined {
  const nowMs = performance.now();
  const isHeavy = pool.shares.isHeavy(job.tenant);
  let best: Lane | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const lane of pool.lanes) {
    if (!isOpenTo(pool, lane, job.tenant)) continue;
    const cost =
      (!isHeavy && lane.heavyUntilMs > nowMs ? 2000 : 0) +
      (lane.state === "ready" ? 0 : 1000) +
      10 * (lane.queue.length + (lane.current ? 1 : 0) + (lane.ahead ? 1 : 0)) +
      lane.runs.size -
      (lane.warm.has(key) ? 5 : 0);
    if (cost >= least) continue;
    best = lane;
    least = cost;
  }
  return best;
}
