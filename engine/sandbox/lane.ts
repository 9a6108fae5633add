import { hearSlice } from "./guest-report.ts";
import { aheadMaxMs } from "./limits.ts";
import { endRun, nextCommand, overBudget, type PoolRun, rewind, type Slice, wallLeftMs } from "./pool-run.ts";
import type { Report } from "./protocol.ts";
import { type ProcessEnd, type ProcessTerms, type SandboxProcess, startProcess } from "./sandbox-process.ts";
import type { Shares } from "./shares.ts";
import { takeNext } from "./take-next.ts";
import { createWeights, noteSlice, type Seen, type Weights } from "./weights.ts";

type SliceReport = Extract<Report, { kind: "slice" | "failed" }>;

/** One sandbox process, the runs that live in it, and the one whose slice is under way. */
export type Lane = {
  /** The lane's number among those of the pool; a process that takes another's place gets its number. */
  slot: number;
  readonly shares: Shares;
  readonly events: LaneEvents;
  readonly process: SandboxProcess;
  readonly idleIsolates: number;
  readonly runs: Set<PoolRun>;
  /** Runs with a backlog, in order. */
  queue: PoolRun[];
  current: PoolRun | undefined;
  /** The run whose slice the process has been sent as well and begins when that one is over, and how long it may take. */
  ahead: { run: PoolRun; sliceMs: number } | undefined;
  /** What the slice under way may take by the clock, when that is over, and when it is given up: on `performance.now()`. */
  sliceMs: number;
  limitMs: number;
  dueMs: number;
  /** Until when the lane counts as one for tenants that hold processes for long. */
  heavyUntilMs: number;
  state: "starting" | "ready" | "ended";
  wasReady: boolean;
  /** Keys of the isolates that are likely idle in the process, and code that it has been sent. */
  warm: Set<string>;
  known: Set<string>;
  /** How many isolates were opened in the process. */
  opened: number;
  seen: Seen | undefined;
  weights: Weights;
  /** What the process last said that it holds, and whoever waits for what it says next. */
  counts: Counts;
  counting: PromiseWithResolvers<void> | undefined;
};

/** Isolates of a process, and what they hold of isolated-vm. */
export type Counts = { idle: number; live: number; handles: number };

/** What a lane tells the pool. */
export type LaneEvents = {
  onReady(lane: Lane): void;
  /** A run has left the lane, ended. */
  onVacancy(lane: Lane, run: PoolRun): void;
  /** The process is no more; `lane.runs` and `lane.current` are as they were. */
  onEnd(lane: Lane, end: ProcessEnd): void;
};

/** A run that had less than this part of its CPU time when its slice was over is tried again, so often at most. */
const fairShare = 0.8;
const starvedMax = 3;
const overdueSlackMs = 150;
/** Light runs keep away from a lane for so long after a heavy one was in it: the next one is likely to come soon. */
const heavyRestMs = 1000;

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
        lane.counting?.resolve();
        events.onEnd(lane, end);
      },
    }),
    idleIsolates: terms.idleIsolates,
    runs: new Set(),
    queue: [],
    current: undefined,
    ahead: undefined,
    sliceMs: 0,
    limitMs: 0,
    dueMs: 0,
    heavyUntilMs: 0,
    state: "starting",
    wasReady: false,
    warm: new Set(),
    known: new Set(),
    opened: 0,
    seen: undefined,
    weights: createWeights(),
    counts: { idle: 0, live: 0, handles: 0 },
    counting: undefined,
  };
  return lane;
}

/** Has the process say anew what it holds. Resolves when `lane.counts` is of now: after the slice that is under way. */
export function count(lane: Lane): Promise<void> {
  if (lane.state !== "ready") return Promise.resolve();
  if (!lane.counting) {
    lane.counting = Promise.withResolvers();
    lane.process.send({ do: "count" }, "");
  }
  return lane.counting.promise;
}

/** Gives a run a home in this lane. */
export function board(lane: Lane, run: PoolRun): void {
  lane.runs.add(run);
  run.wake = () => {
    if (!lane.runs.has(run)) return;
    if (run.outcome) leave(lane, run);
    else {
      enqueue(lane, run);
      pump(lane);
    }
  };
  run.wake();
}

function enqueue({ queue }: Lane, run: PoolRun): void {
  if (!queue.includes(run)) queue.push(run);
}

/**
 * Has the process make one slice after the other: a kill is then to blame on the one under way, the first that is not reported.
 * One more is sent ahead, so that the process need not wait for the engine, and the engine need not wake it.
 */
function pump(lane: Lane): void {
  while (lane.state === "ready" && !lane.ahead) {
    const run = takeNext(lane);
    if (!run) return;
    const slice = run.backlog[0];
    if (!slice || run.outcome) continue;
    if (wallLeftMs(run) <= 0) endRun(run, overBudget(run));
    else enter(lane, run, slice);
  }
}

function enter(lane: Lane, run: PoolRun, slice: Slice): void {
  run.backlog.shift();
  const { codeHash } = run.job.module;
  const { command, body, sliceMs } = nextCommand(run, slice, !lane.known.has(codeHash));
  lane.known.add(codeHash);
  run.sentAt = performance.now();
  run.scriptSent = command.do === "start" && command.script !== undefined;
  if (slice.do === "start" && !lane.warm.delete(run.key)) lane.opened += 1;
  if (lane.current) lane.ahead = { run, sliceMs };
  else begin(lane, run, sliceMs);
  lane.process.send(command, body);
}

/** From now on the run's slice is the one under way. */
function begin(lane: Lane, run: PoolRun, sliceMs: number): void {
  const nowMs = performance.now();
  lane.current = run;
  lane.sliceMs = sliceMs;
  lane.limitMs = nowMs + sliceMs;
  lane.dueMs = nowMs + 2 * sliceMs + overdueSlackMs;
  if (lane.shares.isHeavy(run.job.tenant)) lane.heavyUntilMs = nowMs + sliceMs + heavyRestMs;
}

function hear(lane: Lane, report: Exclude<Report, { kind: "ready" }>, body: string): void {
  if (report.kind === "counts" && lane.counting) {
    const { idle, live, handles } = report;
    lane.counts = { idle, live, handles };
    lane.counting.resolve();
    lane.counting = undefined;
    return;
  }
  const run = lane.current;
  if (!run || report.kind === "counts" || report.run !== run.job.runId) {
    lane.process.kill({ reason: "lied", message: "the sandbox process broke the protocol" });
    return;
  }
  const next = lane.ahead;
  lane.current = undefined;
  lane.ahead = undefined;
  if (next) begin(lane, next.run, next.sliceMs);
  if (report.kind === "need-script") {
    if (run.inFlight?.do !== "start" || run.scriptSent) {
      lane.process.kill({ reason: "lied", message: "the sandbox process asked for a script that it has" });
      return;
    }
    lane.known.delete(run.job.module.codeHash);
    if (run.inFlight) run.backlog.unshift(run.inFlight);
    run.inFlight = undefined;
  } else if (isStarved(run, report)) startAgain(lane, run);
  else hearAll(lane, run, report, body);
  if (run.outcome) leave(lane, run);
  else if (run.backlog.length > 0) enqueue(lane, run);
  pump(lane);
}

/** A slice is bounded by the clock, a run by its CPU time: on a busy machine the one may be over long before the other. */
function isStarved(run: PoolRun, report: SliceReport): boolean {
  if (report.kind !== "failed" || report.why !== "timeout" || run.outcome) return false;
  return report.cpuMs < run.job.budgets.cpuMs * fairShare && run.starved < starvedMax && wallLeftMs(run) > 1;
}

/** The guest was stopped in the middle of a slice and cannot go on: it is led through its journal again in a new isolate. */
function startAgain(lane: Lane, run: PoolRun): void {
  lane.process.send({ do: "drop", run: run.job.runId, reuse: false }, "");
  run.starved += 1;
  rewind(run);
}

function hearAll(lane: Lane, run: PoolRun, report: SliceReport, body: string): void {
  // no more than time has passed, and was used ahead of the run, whatever the process says
  const cpuMs = Math.min(Math.max(0, report.cpuMs - run.cpuMs), performance.now() - run.sentAt + aheadMaxMs);
  lane.shares.charge(run.job.tenant, cpuMs);
  noteSlice(lane.weights, run, cpuMs);
  hearSlice(run, report, body);
  if (report.kind === "failed" || !report.ended) return;
  run.forgotten = true;
  if (!run.outcome)
    endRun(run, { kind: "host-failure", reason: "protocol", message: "the sandbox process broke the protocol" });
}

function leave(lane: Lane, run: PoolRun): void {
  // where a process has ended its runs are judged together
  if (lane.state === "ended" || lane.current === run || lane.ahead?.run === run || !lane.runs.delete(run)) return;
  lane.queue = lane.queue.filter((waiting) => waiting !== run);
  if (run.forgotten) keepWarm(lane, run.key);
  else if (run.history.length > 0 && lane.state === "ready") {
    const kind = run.outcome?.kind;
    const reuse = run.mode === "run" && (kind === "returned" || kind === "threw" || kind === "refused");
    lane.process.send({ do: "drop", run: run.job.runId, reuse }, "");
    if (reuse) keepWarm(lane, run.key);
  }
  lane.events.onVacancy(lane, run);
}

/** As the process does: it keeps so many isolates, those that were used last. */
function keepWarm({ warm, idleIsolates }: Lane, key: string): void {
  warm.delete(key);
  warm.add(key);
  const [oldest] = warm;
  if (warm.size > idleIsolates && oldest !== undefined) warm.delete(oldest);
}
