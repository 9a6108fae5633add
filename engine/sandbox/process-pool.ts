import { availableParallelism } from "node:os";
import type { HostCallHandler, Sandbox, SandboxJob, SandboxOutcome, SandboxRun } from "../sandbox.ts";
import { type Breaker, type BreakerTerms, createBreaker } from "./breaker.ts";
import { childProgram } from "./child-program.ts";
import { judge } from "./judge.ts";
import { board, type Lane, type LaneEvents, openLane } from "./lane.ts";
import { createRun, endRun, overBudget, type PoolRun } from "./pool-run.ts";
import type { ProcessEnd } from "./sandbox-process.ts";
import { createShares, type Shares } from "./shares.ts";
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
  /** Private memory that a process may write to, enforced by Linux. Default 1,000,000 KiB. */
  writableKib?: number;
  /** Resident memory at which a process is ended and its runs move. Default 768 MiB. */
  residentBytes?: number;
  /** A tenant whose runs end processes is made to rest. Default: 5 within a minute, for half a minute. */
  breaker?: BreakerTerms;
};

type Pool = {
  readonly options: Required<ProcessPoolOptions>;
  readonly breaker: Breaker;
  readonly shares: Shares;
  readonly room: WaitingRoom;
  readonly events: LaneEvents;
  lanes: Lane[];
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
  writableKib: 1_000_000,
  residentBytes: 768 << 20,
  breaker: { kills: 5, withinMs: 60_000, restMs: 30_000 },
};

const spareSlot = -1;
const watchEveryMs = 20;
/** A tenant may hold so many times as many places as are left beside one, in the processes and in the waiting room. */
const shareOfFree = 3;
const restartMs = { first: 100, longest: 5000 };
const busyMessage = "sandbox is busy";

/**
 * A sandbox of hardened child processes, each holding isolated-vm isolates. Starts them at once. `close` it, or its processes
 * keep the caller's process alive; they end with it in any case.
 */
export function createProcessPool(options: ProcessPoolOptions = {}): Sandbox {
  const merged = { ...defaults, ...options };
  const pool: Pool = {
    options: merged,
    breaker: createBreaker(merged.breaker),
    shares: createShares(),
    room: createWaitingRoom(),
    events: {
      onReady: () => {
        pool.failedStarts = 0;
      },
      onVacancy: (_lane, made) => {
        rise(pool, made);
        seat(pool);
      },
      onEnd: (lane, end) => replace(pool, lane, end),
    },
    lanes: [],
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
    close: () => close(pool),
  };
}

/** Whether a run was turned away because too many others were waiting: try again later, nothing was started. */
export function isBusy(outcome: SandboxOutcome): boolean {
  return outcome.kind === "host-failure" && outcome.message === busyMessage;
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
  const roomLeft = pool.options.waitingRuns - pool.room.size();
  const mayWait = mayTake(pool.room.of(job.tenant), roomLeft);
  pool.room.add(made);
  seat(pool);
  if (!mayWait && pool.room.remove(made)) endRun(made, { kind: "host-failure", message: busyMessage });
  return promise;
}

function refuse(pool: Pool, job: SandboxJob): SandboxOutcome | undefined {
  if (pool.closed || job.signal?.aborted) return { kind: "cancelled", message: "the run was cancelled" };
  if (pool.breaker.isOpen(job.tenant)) {
    return { kind: "host-failure", message: "the workflow is resting: its runs have ended too many sandbox processes" };
  }
  return undefined;
}

/** Whether a tenant that has `taken` places may have one of those `left`: a crowd of one leaves some to others. */
function mayTake(taken: number, left: number): boolean {
  return left > 0 && (taken === 0 || taken < shareOfFree * (left - 1));
}

/** A run that is in the guest ends by its slice's own limit, or by the watchdog. */
function onWall(pool: Pool, made: PoolRun): void {
  if (made.inFlight) return;
  const began = made.history.length > 0 || made.deaths > 0;
  pool.room.remove(made);
  if (began) endRun(made, overBudget(made));
  else endRun(made, { kind: "host-failure", message: pool.trouble || busyMessage });
}

/** Gives waiting runs their places, those first whose tenants have the fewest. */
function seat(pool: Pool): void {
  while (pool.room.size() > 0) {
    const left = placesLeft(pool);
    const next = pool.room.next((tenant) => {
      const seated = pool.seated.get(tenant) ?? 0;
      return mayTake(seated, left) && hasLane(pool, tenant) ? seated : undefined;
    });
    if (!next) return;
    const lane = bestLane(pool, next);
    if (next.outcome || !lane) continue;
    pool.seated.set(next.job.tenant, (pool.seated.get(next.job.tenant) ?? 0) + 1);
    board(lane, next);
  }
}

function rise({ seated }: Pool, { job }: PoolRun): void {
  const left = (seated.get(job.tenant) ?? 0) - 1;
  if (left > 0) seated.set(job.tenant, left);
  else seated.delete(job.tenant);
}

function placesLeft({ lanes, options }: Pool): number {
  return lanes.reduce((left, lane) => left + (lane.state === "ended" ? 0 : options.runsPerProcess - lane.runs.size), 0);
}

function hasLane(pool: Pool, tenant: string): boolean {
  return pool.lanes.some((lane) => isOpenTo(pool, lane, tenant));
}

/** Tenants that hold processes for long share the first half of them, so that the others have some without. */
function isOpenTo(pool: Pool, lane: Lane, tenant: string): boolean {
  if (!isFree(pool, lane)) return false;
  return lane.slot < Math.max(1, pool.options.processes >> 1) || !pool.shares.isHeavy(tenant);
}

function bestLane(pool: Pool, { job, key }: PoolRun): Lane | undefined {
  const nowMs = performance.now();
  const isHeavy = pool.shares.isHeavy(job.tenant);
  let best: Lane | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const lane of pool.lanes) {
    if (!isOpenTo(pool, lane, job.tenant)) continue;
    const cost =
      (!isHeavy && lane.heavyUntilMs > nowMs ? 2000 : 0) +
      (lane.state === "ready" ? 0 : 1000) +
      10 * (lane.queue.length + (lane.current ? 1 : 0)) +
      lane.runs.size -
      (lane.warm.has(key) ? 5 : 0);
    if (cost >= least) continue;
    best = lane;
    least = cost;
  }
  return best;
}

function isFree(pool: Pool, lane: Lane): boolean {
  return lane.state !== "ended" && lane.runs.size < pool.options.runsPerProcess;
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
  const { writableKib, idleIsolates } = pool.options;
  return openLane({ program: childProgram(), writableKib, idleIsolates }, spareSlot, pool.shares, pool.events);
}

/** Blames who is to blame, moves the innocent runs, and has the spare take the place of the process. */
function replace(pool: Pool, lane: Lane, end: ProcessEnd): void {
  pool.lanes = pool.lanes.filter((other) => other !== lane);
  if (pool.spare === lane) pool.spare = undefined;
  if (pool.closed) return;
  const again: PoolRun[] = [];
  for (const made of [...lane.runs]) {
    rise(pool, made);
    const verdict = judge(lane, made, end);
    if (verdict === "blamed") pool.breaker.blame(made.job.tenant);
    if (verdict === "again") again.push(made);
  }
  lane.runs.clear();
  for (const made of again.reverse()) pool.room.addFirst(made);
  if (!lane.wasReady && end.reason !== "closed") {
    pool.failedStarts += 1;
    pool.trouble = end.message;
  }
  if (pool.failedStarts === 0) {
    refill(pool);
    return;
  }
  const delayMs = Math.min(restartMs.first * 2 ** pool.failedStarts, restartMs.longest);
  setTimeout(() => refill(pool), delayMs).unref();
}

function startWatching(pool: Pool): void {
  pool.watching ??= setInterval(() => {
    for (const lane of pool.lanes) if (lane.runs.size > 0) watch(lane, pool.options.residentBytes);
  }, watchEveryMs);
}

function stopWatching(pool: Pool): void {
  clearInterval(pool.watching);
  pool.watching = undefined;
}

async function close(pool: Pool): Promise<void> {
  pool.closed = true;
  for (const made of [...pool.runs]) endRun(made, { kind: "cancelled", message: "the sandbox was closed" });
  const lanes = pool.spare ? [...pool.lanes, pool.spare] : pool.lanes;
  for (const lane of lanes) lane.process.kill({ reason: "closed", message: "the sandbox was closed" });
  await Promise.all(lanes.map((lane) => lane.process.ended));
  stopWatching(pool);
}
