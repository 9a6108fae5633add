import { availableParallelism } from "node:os";
import type { HostCallHandler, Rest, Sandbox, SandboxJob, SandboxOutcome, SandboxRun } from "../sandbox.ts";
import { type BreakerTerms, createBreaker } from "./breaker.ts";
import { type Fleet, isHopeless, lanesOf, refill, replace, restartMaxMs, retire } from "./fleet.ts";
import { createRun, endRun, overBudget, type PoolRun, wallLeftMs } from "./pool-run.ts";
import { statsOf } from "./pool-stats.ts";
import { isFree, mayTake, rise, seat } from "./seating.ts";
import { createShares } from "./shares.ts";
import { createTally, tallyRun } from "./tally.ts";
import { createWaitingRoom } from "./waiting-room.ts";
import { isAtLimit, isWatched, watch } from "./watchdog.ts";

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

type Pool = Fleet & {
  readonly options: Required<ProcessPoolOptions>;
  runs: Set<PoolRun>;
  watching: NodeJS.Timeout | undefined;
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

const watchEveryMs = 20;
/** While a slice is about to reach its limit, or past it: a verdict is to come soon. */
const watchAtLimitMs = 5;
const unwritable: SandboxOutcome = {
  kind: "host-failure",
  reason: "protocol",
  message: "the input is nested too deeply to be handed over",
};
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
  let expiry: NodeJS.Timeout | undefined;
  const finish = (done: SandboxRun) => {
    clearTimeout(expiry);
    job.signal?.removeEventListener("abort", cancel);
    pool.runs.delete(made);
    pool.room.remove(made);
    tallyRun(pool.tally, done.outcome);
    resolve(done);
  };
  const made = createRun({ job, host, mode, finish });
  const expire = (inMs: number) => {
    expiry = setTimeout(() => {
      const againMs = onWall(pool, made);
      if (againMs !== undefined) expire(againMs);
    }, inMs);
  };
  expire(job.budgets.wallMs);
  const refusal = made.input === null ? unwritable : refuse(pool, job);
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
  return isHopeless(pool) ? withoutProcess(pool) : undefined;
}

function withoutProcess({ trouble }: Pool): SandboxOutcome {
  return { kind: "host-failure", reason: "no-process", message: trouble, retryAfterMs: restartMaxMs };
}

/** Ends a run whose time is over; tells in how many milliseconds to look again at one that is in the guest or whose time is not. */
function onWall(pool: Pool, made: PoolRun): number | undefined {
  const leftMs = wallLeftMs(made);
  if (leftMs > 1) return leftMs;
  // it ends by its slice's own limit, or by the watchdog
  if (made.inFlight) return watchEveryMs;
  const began = made.history.length > 0 || made.echoes > 0 || made.deathsInside > 0;
  if (began) endRun(made, overBudget(made));
  else if (pool.failedStarts === 0) endRun(made, busy);
  else endRun(made, withoutProcess(pool));
  return undefined;
}

function startWatching(pool: Pool): void {
  pool.watching ??= setTimeout(
    // after the reads of this turn of the event loop
    () => setImmediate(look, pool),
    lanesOf(pool).some((lane) => isAtLimit(lane, watchEveryMs)) ? watchAtLimitMs : watchEveryMs,
  );
}

function look(pool: Pool): void {
  pool.watching = undefined;
  if (pool.closed) return;
  const watched = lanesOf(pool).filter(isWatched);
  for (const lane of watched) watch(lane, pool.options.residentBytes);
  if (watched.length > 0 || pool.runs.size > 0) startWatching(pool);
}

async function close(pool: Pool): Promise<void> {
  pool.closed = true;
  for (const made of [...pool.runs]) endRun(made, { kind: "cancelled", message: "the sandbox was closed" });
  const lanes = lanesOf(pool);
  for (const lane of lanes) lane.process.kill({ reason: "closed", message: "the sandbox was closed" });
  await Promise.all(lanes.map((lane) => lane.process.ended));
  clearTimeout(pool.watching);
}
