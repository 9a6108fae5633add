import type { HostFailureReason, ProcessEndReason, Rest, SandboxOutcome, SandboxStats } from "../sandbox.ts";
import { count, type Lane } from "./lane.ts";
import type { PoolRun } from "./pool-run.ts";
import { residentBytes } from "./resident-memory.ts";

/** What a pool counts as it goes. */
export type Tally = {
  processesEnded: Record<ProcessEndReason, number>;
  runsReplayed: number;
  runsEnded: Record<SandboxOutcome["kind"], number>;
  hostFailures: Record<HostFailureReason, number>;
  restsBegun: number;
};

/** A pool, as far as its numbers go. */
export type Counted = {
  lanes: readonly Lane[];
  spare: Lane | undefined;
  runs: ReadonlySet<PoolRun>;
  tally: Tally;
  breaker: { rests(): Rest[] };
};

/** How long a process may take to say what it holds. */
const patienceMs = 100;

/** Nothing has happened yet. */
export function createTally(): Tally {
  return {
    processesEnded: { overdue: 0, swollen: 0, lied: 0, "out-of-memory": 0, crashed: 0, killed: 0, closed: 0 },
    runsReplayed: 0,
    runsEnded: {
      returned: 0,
      threw: 0,
      "timed-out": 0,
      "cpu-exceeded": 0,
      "out-of-memory": 0,
      refused: 0,
      cancelled: 0,
      "host-failure": 0,
    },
    hostFailures: { busy: 0, resting: 0, "no-process": 0, "process-lost": 0, protocol: 0 },
    restsBegun: 0,
  };
}

/** Counts a run that has ended, each once. */
export function tallyRun(tally: Tally, outcome: SandboxOutcome): void {
  tally.runsEnded[outcome.kind] += 1;
  if (outcome.kind === "host-failure") tally.hostFailures[outcome.reason] += 1;
}

/** The numbers of a pool. Each process is asked at once; one that is in a long slice is not waited for. */
export async function statsOf(pool: Counted): Promise<SandboxStats> {
  const asked = Promise.all([...pool.lanes, ...(pool.spare ? [pool.spare] : [])].map(count));
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, patienceMs);
  await Promise.race([asked, enough]);
  clearTimeout(timer);
  const lanes = [...pool.lanes, ...(pool.spare ? [pool.spare] : [])];
  const seated = lanes.reduce((sum, { runs }) => sum + [...runs].filter(({ outcome }) => !outcome).length, 0);
  const { processesEnded, runsReplayed, runsEnded, hostFailures, restsBegun } = pool.tally;
  return {
    processes: lanes.map((lane) => ({
      state: lane.state === "ready" ? ("ready" as const) : ("starting" as const),
      spare: lane === pool.spare,
      runs: lane.runs.size,
      idleIsolates: lane.counts.idle,
      liveIsolates: lane.counts.live,
      handles: lane.counts.handles,
      residentBytes: weightOf(lane),
    })),
    processesEnded: { ...processesEnded },
    runsUnderWay: seated,
    runsWaiting: pool.runs.size - seated,
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
