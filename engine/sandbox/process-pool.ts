// Past 250 lines: the pool is one machine of places, processes and runs; what can stand alone stands beside it.
import { availableParallelism } from "node:os";
import type { HostCallHandler, Rest, Sandbox, SandboxJob, SandboxOutcome, SandboxRun } from "../sandbox.ts";
import { type Breaker, type BreakerTerms, createBreaker } from "./breaker.ts";
import { childProgram } from "./child-program.ts";
import { judge } from "./judge.ts";
import { type Lane, type LaneEvents, openLane } from "./lane.ts";
import { createRun, endRun, overBudget, type PoolRun } from "./pool-run.ts";
import { lanesOf, statsOf } from "./pool-stats.ts";
import type { ProcessEnd } from "./sandbox-process.ts";
import { isFree, mayTake, rise, seat } from "./seating.ts";
import { createShares, type Shares } from "./shares.ts";
import { createTally, type Tally, tallyRun } from "./tally.ts";
import { createWaitingRoom, type WaitingRoom } from "./waiting-room.ts";
import { watch } from "./watchdog.ts";

/** How large a pool may be. Every option has a default. */
export type ProcessPoolOptions = {
  /** Sandbox processes, beside one warm spare. Default: the machine's cores. */
  processes?: number;
  /** Runs that may live in one process at a time, most of them waiting for the host. Default 32. */
  runsPerProcess?: number;
  /** Runs that may wait for a place before the pool is busy. Default 1000. */
  waitingRuns?: number;
  /** Warm isolates that one process keeps, of about 1.5 MB each. Default 32. */
  idleIsolates?: number;
  /** Isolates after which a process makes way for a new one: a few hundred bytes of each stay behind in it. Default 10,000. */
  isolatesPerProcess?: number;
  /** Private memory that a process may write to, enforced by Linux. Default 1,000,000 KiB. */
  writableKib?: number;
  /** Resident memory at which a process is ended and its runs move. Default 768 MiB. */
  residentBytes?: number;
  /** How long a process may take to be ready, in milliseconds. Default 15 s. */
  startMs?: number;
  /** A tenant whose runs end processes is made to rest. Default: 5 within a minute, for half a minute. */
  breaker?: BreakerTerms;
  /** Told once of each tenant that begins to rest. */
  onRest?: (rest: Rest) => void;
  /** Told when no process can be started, once until one could be. */
  onTrouble?: (message: string) => void;
};

type Pool = {
  readonly options: Required<ProcessPoolOptions>;
  readonly breaker: Breaker;
  readonly shares: Shares;
  readonly room: WaitingRoom;
  readonly tally: Tally;
  readonly events: LaneEvents;
  lanes: Lane[];
  /** Lanes that have made way and wait for their last runs to end. */
  leaving: Set<Lane>;
  spare: Lane | undefined;
  runs: Set<PoolRun>;
  /** How many runs of each tenant have a place. */
  seated: Map<string, number>;
  watching: NodeJS.Timeout | undefined;
  failedStarts: number;
  trouble: string;
  closed: boolean;
};

const defaults: Required<ProcessPoolOptions> = {
  processes: availableParallelism(),
  runsPerProcess: 32,
  waitingRuns: 1000,
  idleIsolates: 32,
  isolatesPerProcess: 10_000,
  writableKib: 1_000_000,
  residentBytes: 768 << 20,
  startMs: 15_000,
  breaker: { kills: 5, withinMs: 60_000, restMs: 30_000 },
  onRest: () => {},
  onTrouble: () => {},
};

const spareSlot = -1;
const watchEveryMs = 20;
const restartMs = { first: 100, longest: 5000 };
const busy: SandboxOutcome = { kind: "host-failure", reason: "busy", message: "the sandbox is busy" };

/**
 * A sandbox of hardened child processes, each holding isolated-vm isolates. Starts them at once. `close` it, or its processes
 * keep the caller's process alive; they end with it in any case.
 */
export function createProcessPool(options: ProcessPoolOptions = {}): Sandbox {
  const merged = { ...defaults, ...options };
  const pool: Pool = {
    options: merged,
    breaker: createBreaker(merged.breaker, (rest) => {
      pool.tally.restsBegun += 1;
      merged.onRest(rest);
    }),
    shares: createShares(),
    room: createWaitingRoom(),
    tally: createTally(),
    events: {
      onReady: () => {
        pool.failedStarts = 0;
      },
      onVacancy: (lane, made) => {
        rise(pool, made);
        retire(pool, lane);
        seat(pool);
      },
      onEnd: (lane, end) => replace(pool, lane, end),
    },
    lanes: [],
    leaving: new Set(),
    spare: undefined,
    runs: new Set(),
    seated: new Map(),
    watching: undefined,
    failedStarts: 0,
    trouble: "",
    closed: false,
  };
  refill(pool);
  return {
    run: (job, host) => run(pool, job, host, "run"),
    inspect: async (module, budgets) => {
      const job = {
        runId: `inspect-${crypto.randomUUID()}`,
        tenant: `inspect:${module.codeHash}`,
        module,
        input: {},
        budgets,
      };
      const { outcome } = await run(pool, job, noHost, "inspect");
      if (outcome.kind !== "returned") return { ok: false, outcome };
      return { ok: true, defaultExport: String(outcome.value) };
    },
    ready: async () => !pool.closed && pool.lanes.some((lane) => isFree(pool, lane) && lane.state === "ready"),
    stats: () => statsOf(pool),
    resting: () => pool.breaker.rests(),
    close: () => close(pool),
  };
}

const noHost: HostCallHandler = async () => ({ ok: false, error: { name: "Error", message: "not available" } });

function run(pool: Pool, job: SandboxJob, host: HostCallHandler, mode: "run" | "inspect"): Promise<SandboxRun> {
  const { promise, resolve } = Promise.withResolvers<SandboxRun>();
  const cancel = () => endRun(made, { kind: "cancelled", message: "the run was cancelled" });
  const expire = setTimeout(() => onWall(pool, made), job.budgets.wallMs);
  const made = createRun({
    job,
    host,
    mode,
    finish: (done) => {
      clearTimeout(expire);
      job.signal?.removeEventListener("abort", cancel);
      pool.runs.delete(made);
      pool.room.remove(made);
      tallyRun(pool.tally, done.outcome);
      if (pool.runs.size === 0) stopWatching(pool);
      resolve(done);
    },
  });
  const refusal = refuse(pool, job);
  if (refusal) {
    endRun(made, refusal);
    return promise;
  }
  job.signal?.addEventListener("abort", cancel, { once: true });
  pool.runs.add(made);
  startWatching(pool);
  const mayWait = mayTake(pool.room.of(job.tenant), pool.options.waitingRuns - pool.room.size());
  pool.room.add(made);
  seat(pool);
  if (!mayWait && pool.room.remove(made)) endRun(made, busy);
  return promise;
}

function refuse(pool: Pool, job: SandboxJob): SandboxOutcome | undefined {
  if (pool.closed || job.signal?.aborted) return { kind: "cancelled", message: "the run was cancelled" };
  const retryAfterMs = pool.breaker.restLeftMs(job.tenant);
  if (retryAfterMs > 0) {
    const message = "the workflow is resting: its runs have ended too many sandbox processes";
    return { kind: "host-failure", reason: "resting", message, retryAfterMs };
  }
  return undefined;
}

/** A run that is in the guest ends by its slice's own limit, or by the watchdog. */
function onWall(pool: Pool, made: PoolRun): void {
  if (made.inFlight) return;
  const began = made.history.length > 0 || made.echoes > 0 || made.deathsInside > 0;
  if (began) endRun(made, overBudget(made));
  else if (pool.failedStarts === 0) endRun(made, busy);
  else {
    const retryAfterMs = restartMs.longest;
    endRun(made, { kind: "host-failure", reason: "no-process", message: pool.trouble, retryAfterMs });
  }
}

/** Opens lanes until there are enough, the warm spare first in line, and one spare more. */
function refill(pool: Pool): void {
  if (pool.closed) return;
  for (let slot = 0; slot < pool.options.processes; slot += 1) {
    if (pool.lanes.some((lane) => lane.slot === slot)) continue;
    const lane = pool.spare ?? newLane(pool);
    lane.slot = slot;
    pool.lanes.push(lane);
    pool.spare = undefined;
  }
  pool.spare ??= newLane(pool);
  seat(pool);
}

function newLane(pool: Pool): Lane {
  const { writableKib, idleIsolates, startMs } = pool.options;
  return openLane({ program: childProgram(), writableKib, idleIsolates, startMs }, spareSlot, pool.shares, pool.events);
}

/** Has the spare take the place of a process that has had its time, which ends when the last run has left it. */
function retire(pool: Pool, lane: Lane): void {
  const isWorn = lane.opened >= pool.options.isolatesPerProcess;
  if (isWorn && pool.spare?.state === "ready" && pool.lanes.includes(lane)) {
    pool.lanes = pool.lanes.filter((other) => other !== lane);
    pool.leaving.add(lane);
    refill(pool);
  }
  if (!pool.leaving.has(lane) || lane.runs.size > 0) return;
  lane.process.kill({ reason: "retired", message: "the sandbox process has had its time" });
}

/** Blames who is to blame, moves the innocent runs, and has the spare take the place of the process. */
function replace(pool: Pool, lane: Lane, end: ProcessEnd): void {
  pool.lanes = pool.lanes.filter((other) => other !== lane);
  pool.leaving.delete(lane);
  if (pool.spare === lane) pool.spare = undefined;
  pool.tally.processesEnded[end.reason] += 1;
  if (pool.closed) return;
  const again: PoolRun[] = [];
  for (const made of [...lane.runs]) {
    rise(pool, made);
    const verdict = judge(lane, made, end);
    if (verdict === "blamed") pool.breaker.blame(made.job.tenant);
    if (verdict === "again") again.push(made);
  }
  lane.runs.clear();
  pool.tally.runsReplayed += again.filter(({ echoes }) => echoes > 0).length;
  for (const made of again.reverse()) pool.room.addFirst(made);
  if (!lane.wasReady && end.reason !== "closed") {
    pool.failedStarts += 1;
    pool.trouble = end.message;
    if (pool.failedStarts === 1) pool.options.onTrouble(end.message);
  }
  const delayMs = Math.min(restartMs.first * 2 ** pool.failedStarts, restartMs.longest);
  if (pool.failedStarts === 0) refill(pool);
  else setTimeout(() => refill(pool), delayMs).unref();
}

function startWatching(pool: Pool): void {
  pool.watching ??= setInterval(() => {
    for (const lane of lanesOf(pool)) if (lane.runs.size > 0) watch(lane, pool.options.residentBytes);
  }, watchEveryMs);
}

function stopWatching(pool: Pool): void {
  clearInterval(pool.watching);
  pool.watching = undefined;
}

async function close(pool: Pool): Promise<void> {
  pool.closed = true;
  for (const made of [...pool.runs]) endRun(made, { kind: "cancelled", message: "the sandbox was closed" });
  const lanes = lanesOf(pool);
  for (const lane of lanes) lane.process.kill({ reason: "closed", message: "the sandbox was closed" });
  await Promise.all(lanes.map((lane) => lane.process.ended));
  stopWatching(pool);
}
