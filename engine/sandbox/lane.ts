import { hearSlice } from "./guest-report.ts";
import {
  endRun,
  nextCommand,
  outOfMemory,
  overBudget,
  type PoolRun,
  rewind,
  type Slice,
  wallLeftMs,
} from "./pool-run.ts";
import type { Report } from "./protocol.ts";
import { residentBytes } from "./resident-memory.ts";
import { type ProcessEnd, type ProcessTerms, type SandboxProcess, startProcess } from "./sandbox-process.ts";
import type { Shares } from "./shares.ts";
import { mainThreadCpuMs } from "./thread-cpu.ts";

type SliceReport = Extract<Report, { kind: "slice" | "failed" }>;

/** One sandbox process, the runs that live in it, and the one whose slice is under way. */
export type Lane = {
  /** The lane's number among those of the pool; a process that takes another's place gets its number. */
  slot: number;
  readonly shares: Shares;
  readonly events: LaneEvents;
  readonly process: SandboxProcess;
  readonly runs: Set<PoolRun>;
  /** Runs with a backlog, in order. */
  queue: PoolRun[];
  current: PoolRun | undefined;
  /** When its own limit should have stopped the slice under way, and when it is given up, on the clock of `performance.now()`. */
  lateMs: number;
  dueMs: number;
  /** Until when the lane counts as one for tenants that hold processes for long. */
  heavyUntilMs: number;
  state: "starting" | "ready" | "ended";
  wasReady: boolean;
  /** Keys of the isolates that are likely idle in the process, and code that it has been sent. */
  warm: Set<string>;
  known: Set<string>;
  /** The slice that was under way when the process was last looked at, and its weight and CPU time when that was first seen. */
  seen: { slice: Slice; bytes: number; cpuMs: number; grownBytes: number } | undefined;
};

/** What a lane tells the pool. */
export type LaneEvents = {
  onReady(lane: Lane): void;
  /** A run has left the lane, ended. */
  onVacancy(lane: Lane, run: PoolRun): void;
  /** The process is no more; `lane.runs` and `lane.current` are as they were. */
  onEnd(lane: Lane, end: ProcessEnd): void;
};

const overdueSlackMs = 150;
/** A slice that its own limit stops has come back by then. */
const lateSlackMs = 10;
/** Before a slice is first looked at, and by how much the CPU times of two looks may be off. */
const unseenCpuMs = 30;
/** Light runs keep away from a lane for so long after a heavy one was in it: the next one is likely to come soon. */
const heavyRestMs = 1000;
const warmMax = 256;
const swellSlackBytes = 64 << 20;
const grownMinBytes = 8 << 20;

/** Starts a process and the lane around it. `shares` decides whose slice is next, and is told what each one took. */
export function openLane(terms: ProcessTerms, slot: number, shares: Shares, events: LaneEvents): Lane {
  const lane: Lane = {
    slot,
    shares,
    events,
    process: startProcess(terms, {
      onReady: () => {
        lane.state = "ready";
        lane.wasReady = true;
        events.onReady(lane);
        pump(lane);
      },
      onReport: (report, body) => hear(lane, report, body),
      onEnd: (end) => {
        lane.state = "ended";
        events.onEnd(lane, end);
      },
    }),
    runs: new Set(),
    queue: [],
    current: undefined,
    lateMs: 0,
    dueMs: 0,
    heavyUntilMs: 0,
    state: "starting",
    wasReady: false,
    warm: new Set(),
    known: new Set(),
    seen: undefined,
  };
  return lane;
}

/** Gives a run a home in this lane. */
export function board(lane: Lane, run: PoolRun): void {
  lane.runs.add(run);
  run.wake = () => {
    if (!lane.runs.has(run)) return;
    if (run.outcome) leave(lane, run);
    else enqueue(lane, run);
  };
  enqueue(lane, run);
}

function enqueue(lane: Lane, run: PoolRun): void {
  if (!lane.queue.includes(run)) lane.queue.push(run);
  pump(lane);
}

/** Starts the next slice if none is under way: one at a time, so that a kill blames the right run. */
function pump(lane: Lane): void {
  while (lane.state === "ready" && !lane.current) {
    const run = takeNext(lane);
    if (!run) return;
    const slice = run.backlog[0];
    if (!slice || run.outcome) continue;
    if (wallLeftMs(run) <= 0) endRun(run, overBudget(run));
    else enter(lane, run, slice);
  }
}

/** The run whose tenant has used least lately; of one tenant's, the one that has waited longest. */
function takeNext({ queue, shares }: Lane): PoolRun | undefined {
  if (queue.length < 2) return queue.shift();
  const nowMs = performance.now();
  let at = 0;
  let least = Number.POSITIVE_INFINITY;
  for (const [index, { job }] of queue.entries()) {
    const usedMs = shares.usedMs(job.tenant, nowMs);
    if (usedMs >= least) continue;
    at = index;
    least = usedMs;
  }
  return queue.splice(at, 1)[0];
}

function enter(lane: Lane, run: PoolRun, slice: Slice): void {
  run.backlog.shift();
  lane.current = run;
  const { codeHash } = run.job.module;
  const { command, body, sliceMs } = nextCommand(run, slice, !lane.known.has(codeHash));
  lane.known.add(codeHash);
  lane.warm.delete(run.key);
  const nowMs = performance.now();
  lane.lateMs = nowMs + sliceMs + lateSlackMs;
  lane.dueMs = nowMs + 2 * sliceMs + overdueSlackMs;
  if (lane.shares.isHeavy(run.job.tenant)) lane.heavyUntilMs = nowMs + sliceMs + heavyRestMs;
  lane.process.send(command, body);
}

function hear(lane: Lane, report: Exclude<Report, { kind: "ready" }>, body: string): void {
  const run = lane.current;
  if (!run || report.run !== run.job.runId) {
    lane.process.kill({ reason: "lied", message: "the sandbox process broke the protocol" });
    return;
  }
  lane.current = undefined;
  if (report.kind === "need-script") {
    lane.known.delete(run.job.module.codeHash);
    if (run.inFlight) run.backlog.unshift(run.inFlight);
    run.inFlight = undefined;
  } else hearAll(lane, run, report, body);
  if (run.outcome) leave(lane, run);
  else if (run.backlog.length > 0) lane.queue.push(run);
  pump(lane);
}

function hearAll(lane: Lane, run: PoolRun, report: SliceReport, body: string): void {
  lane.shares.charge(run.job.tenant, Math.max(0, report.cpuMs - run.cpuMs));
  hearSlice(run, report, body);
  if (report.kind === "failed" || !report.ended) return;
  run.forgotten = true;
  if (!run.outcome) endRun(run, { kind: "host-failure", message: "the sandbox process broke the protocol" });
}

function leave(lane: Lane, run: PoolRun): void {
  if (lane.current === run || !lane.runs.delete(run)) return;
  if (run.forgotten) keepWarm(lane, run.key);
  else if (run.history.length > 0 && lane.state === "ready") {
    const kind = run.outcome?.kind;
    const reuse = run.mode === "run" && (kind === "returned" || kind === "threw" || kind === "refused");
    lane.process.send({ do: "drop", run: run.job.runId, reuse }, "");
    if (reuse) keepWarm(lane, run.key);
  }
  lane.events.onVacancy(lane, run);
}

function keepWarm({ warm }: Lane, key: string): void {
  warm.add(key);
  const [oldest] = warm;
  if (warm.size > warmMax && oldest !== undefined) warm.delete(oldest);
}

/** Looks after a process: ends one that does not come back from a slice, or takes too much memory. To be called often. */
export function watch(lane: Lane, capBytes: number): void {
  const pid = lane.process.pid();
  const bytes = pid === undefined ? undefined : residentBytes(pid);
  const cpuMs = (pid === undefined ? undefined : mainThreadCpuMs(pid)) ?? Number.NaN;
  const slice = lane.current?.inFlight;
  if (lane.seen?.slice !== slice) lane.seen = slice && { slice, bytes: bytes ?? 0, cpuMs, grownBytes: 0 };
  // the report may be waiting to be read while this process was busy: look once more after the next reads
  if (slice && isStuck(lane, cpuMs)) setImmediate(() => suspect(lane, slice));
  if (bytes !== undefined) weigh(lane, bytes, capBytes);
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

function suspect(lane: Lane, slice: Slice): void {
  if (lane.current?.inFlight !== slice) return;
  lane.process.kill({ reason: "overdue", message: "the sandbox process did not come back from the run" });
}

/**
 * Ends a process in which one slice, seen at two weighings, has taken far more memory than its run may use. A process past
 * `capBytes` without that is ended too, but no run is to blame.
 */
function weigh(lane: Lane, bytes: number, capBytes: number): void {
  if (lane.state !== "ready") return;
  const grownBytes = lane.seen ? bytes - lane.seen.bytes : 0;
  if (lane.seen) lane.seen.grownBytes = Math.max(lane.seen.grownBytes, grownBytes);
  const budgetBytes = lane.current?.job.budgets.memoryBytes ?? 0;
  if (grownBytes > 3 * budgetBytes + swellSlackBytes || (bytes > capBytes && grownBytes > budgetBytes)) {
    lane.process.kill({ reason: "swollen", message: "the run used too much memory" });
  } else if (bytes > capBytes) {
    lane.process.kill({ reason: "killed", message: "the sandbox process used too much memory" });
  }
}

function hasGrown({ seen }: Lane, { inFlight }: PoolRun): boolean {
  return seen !== undefined && seen.slice === inFlight && seen.grownBytes > grownMinBytes;
}

/** What becomes of a run whose process has ended: its verdict if it is to blame, otherwise another try elsewhere. */
export function judge(lane: Lane, run: PoolRun, end: ProcessEnd): "blamed" | "again" | "over" {
  if (run.outcome) return "over";
  const inside = lane.current === run && run.inFlight !== undefined;
  // memory may run out in the turn of somebody who took none of it: who was not seen to take any gets a second try
  const unlucky = end.reason === "out-of-memory" && run.deathsInside === 0 && !hasGrown(lane, run);
  const guilty = inside && end.reason !== "killed" && end.reason !== "closed" && !unlucky;
  if (guilty) {
    lane.shares.charge(run.job.tenant, run.job.budgets.cpuMs);
    // a process that did not come back told no CPU time either; it was busy all the while
    if (end.reason === "overdue") run.cpuMs = Math.max(run.cpuMs, run.job.budgets.cpuMs);
    if (end.reason === "overdue") endRun(run, overBudget(run));
    else if (end.reason === "swollen" || end.reason === "out-of-memory") endRun(run, outOfMemory(run));
    else endRun(run, { kind: "host-failure", message: end.message });
    return "blamed";
  }
  run.deaths += 1;
  if (inside) run.deathsInside += 1;
  if (run.deathsInside > 2 || run.deaths > 5) {
    endRun(run, { kind: "host-failure", message: end.message });
    return "over";
  }
  rewind(run);
  return "again";
}
