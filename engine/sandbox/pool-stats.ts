import type { Rest, SandboxStats } from "../sandbox.ts";
import { type Lanes, lanesOf } from "./fleet.ts";
import { count, type Lane } from "./lane.ts";
import type { PoolRun } from "./pool-run.ts";
import { residentBytes } from "./resident-memory.ts";
import type { Tally } from "./tally.ts";

/** A pool, as far as its numbers go. */
export type Counted = Lanes & {
  runs: ReadonlySet<PoolRun>;
  room: { size(): number };
  tally: Tally;
  breaker: { rests(): Rest[] };
};

/** How long a process may take to say what it holds. */
const patienceMs = 100;

/** The numbers of a pool. Each process is asked at once; one that is in a long slice is not waited for. */
export async function statsOf(pool: Counted): Promise<SandboxStats> {
  const asked = Promise.all(lanesOf(pool).map(count));
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, patienceMs);
  await Promise.race([asked, enough]);
  clearTimeout(timer);
  const waiting = pool.room.size();
  const { processesEnded, runsReplayed, runsEnded, hostFailures, restsBegun } = pool.tally;
  return {
    processes: lanesOf(pool).map((lane) => ({
      state: lane.state === "ready" ? ("ready" as const) : ("starting" as const),
      spare: lane === pool.spare,
      runs: lane.runs.size,
      idleIsolates: lane.counts.idle,
      liveIsolates: lane.counts.live,
      handles: lane.counts.handles,
      residentBytes: weightOf(lane),
    })),
    processesEnded: { ...processesEnded },
    runsUnderWay: pool.runs.size - waiting,
    runsWaiting: waiting,
    runsReplayed,
    runsEnded: { ...runsEnded },
    hostFailures: { ...hostFailures },
    restsBegun,
    resting: pool.breaker.rests(),
  };
}

function weightOf({ process }: Lane): number | null {
  const pid = process.pid();
  return (pid === undefined ? undefined : residentBytes(pid)) ?? null;
}
