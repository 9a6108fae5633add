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

/** One sandbox process, the runs that live in it, and the one whose slice is under way. */
export type Lane = {
  readonly process: SandboxProcess;
  readonly runs: Set<PoolRun>;
  /** Runs with a backlog, in order. */
  queue: PoolRun[];
  current: PoolRun | undefined;
  watchdog: NodeJS.Timeout | undefined;
  state: "starting" | "ready" | "ended";
  wasReady: boolean;
  /** Keys of the isolates that are likely idle in the process, and code that it has been sent. */
  warm: Set<string>;
  known: Set<string>;
  /** The slice that was under way when the process was last weighed, and its weight when that slice was first seen. */
  weighed: { slice: Slice; bytes: number } | undefined;
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
  onVacancy(lane: Lane): void;
  /** The process is no more; `lane.runs` and `lane.current` are as they were. */
  onEnd(lane: Lane, end: ProcessEnd): void;
};

const watchdogSlackMs = 150;
const warmMax = 256;
const swellSlackBytes = 64 << 20;

/** Starts a process and the lane around it. */
export function openLane(terms: ProcessTerms, events: LaneEvents): Lane {
  const lane: Lane = {
    process: startProcess(terms, {
      onReady: () => {
        lane.state = "ready";
        lane.wasReady = true;
        events.onReady(lane);
        pump(lane);
      },
      onReport: (report, body) => hear(lane, events, report, body),
      onEnd: (end) => {
        lane.state = "ended";
        clearTimeout(lane.watchdog);
        lane.counting?.resolve();
        events.onEnd(lane, end);
      },
    }),
    runs: new Set(),
    queue: [],
    current: undefined,
    watchdog: undefined,
    state: "starting",
    wasReady: false,
    warm: new Set(),
    known: new Set(),
    weighed: undefined,
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
export function board(lane: Lane, events: LaneEvents, run: PoolRun): void {
  lane.runs.add(run);
  run.wake = () => {
    if (!lane.runs.has(run)) return;
    if (run.outcome) leave(lane, events, run);
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
    const run = lane.queue.shift();
    if (!run) return;
    const slice = run.backlog[0];
    if (!slice || run.outcome) continue;
    if (wallLeftMs(run) <= 0) endRun(run, overBudget(run));
    else enter(lane, run, slice);
  }
}

function enter(lane: Lane, run: PoolRun, slice: Slice): void {
  run.backlog.shift();
  lane.current = run;
  const { codeHash } = run.job.module;
  const { command, body, sliceMs } = nextCommand(run, slice, !lane.known.has(codeHash));
  lane.known.add(codeHash);
  lane.warm.delete(run.key);
  lane.process.send(command, body);
  lane.watchdog = setTimeout(() => suspect(lane, run, slice), 2 * sliceMs + watchdogSlackMs);
}

/** The report may be waiting to be read while this process was busy: look once more after the next reads. */
function suspect(lane: Lane, run: PoolRun, slice: Slice): void {
  setImmediate(() => {
    if (lane.current !== run || run.inFlight !== slice) return;
    lane.process.kill({ reason: "overdue", message: "the sandbox process did not come back from the run" });
  });
}

function hear(lane: Lane, events: LaneEvents, report: Exclude<Report, { kind: "ready" }>, body: string): void {
  if (report.kind === "counts" && lane.counting) {
    const { idle, live, handles } = report;
    lane.counts = { idle, live, handles };
    lane.counting.resolve();
    lane.counting = undefined;
    return;
  }
  const run = lane.current;
  clearTimeout(lane.watchdog);
  if (!run || report.kind === "counts" || report.run !== run.job.runId) {
    lane.process.kill({ reason: "lied", message: "the sandbox process broke the protocol" });
    return;
  }
  lane.current = undefined;
  if (report.kind === "need-script") {
    lane.known.delete(run.job.module.codeHash);
    if (run.inFlight) run.backlog.unshift(run.inFlight);
    run.inFlight = undefined;
  } else hearSlice(run, report, body);
  if (run.outcome) leave(lane, events, run);
  else if (run.backlog.length > 0) lane.queue.push(run);
  pump(lane);
}

function leave(lane: Lane, events: LaneEvents, run: PoolRun): void {
  if (lane.current === run || !lane.runs.delete(run)) return;
  if (run.history.length > 0 && lane.state === "ready") {
    const kind = run.outcome?.kind;
    const reuse = run.mode === "run" && (kind === "returned" || kind === "threw" || kind === "refused");
    lane.process.send({ do: "drop", run: run.job.runId, reuse }, "");
    if (reuse) lane.warm.add(run.key);
    const [oldest] = lane.warm;
    if (lane.warm.size > warmMax && oldest !== undefined) lane.warm.delete(oldest);
  }
  events.onVacancy(lane);
}

/**
 * Ends a process in which one slice, seen at two weighings, has taken far more memory than its run may use. A process past
 * `capBytes` without that is ended too, but no run is to blame.
 */
export function weigh(lane: Lane, capBytes: number): void {
  const pid = lane.process.pid();
  const bytes = pid === undefined ? undefined : residentBytes(pid);
  if (bytes === undefined || lane.state !== "ready") return;
  const slice = lane.current?.inFlight;
  if (lane.weighed?.slice !== slice) lane.weighed = slice && { slice, bytes };
  const grownBytes = lane.weighed ? bytes - lane.weighed.bytes : 0;
  const budgetBytes = lane.current?.job.budgets.memoryBytes ?? 0;
  if (grownBytes > 3 * budgetBytes + swellSlackBytes || (bytes > capBytes && grownBytes > budgetBytes)) {
    lane.process.kill({ reason: "swollen", message: "the run used too much memory" });
  } else if (bytes > capBytes) {
    lane.process.kill({ reason: "killed", message: "the sandbox process used too much memory" });
  }
}

/** What becomes of a run whose process has ended: its verdict if it is to blame, otherwise another try elsewhere. */
export function judge(lane: Lane, run: PoolRun, end: ProcessEnd): "blamed" | "again" | "over" {
  if (run.outcome) return "over";
  const inside = lane.current === run && run.inFlight !== undefined;
  const guilty = inside && end.reason !== "killed" && end.reason !== "closed";
  if (guilty) {
    // a process that did not come back told no CPU time either; it was busy all the while
    if (end.reason === "overdue") run.cpuMs = Math.max(run.cpuMs, run.job.budgets.cpuMs);
    if (end.reason === "overdue") endRun(run, overBudget(run));
    else if (end.reason === "swollen" || end.reason === "out-of-memory") endRun(run, outOfMemory(run));
    else endRun(run, { kind: "host-failure", reason: "process-lost", message: end.message });
    return "blamed";
  }
  run.deaths += 1;
  if (inside) run.deathsInside += 1;
  if (run.deathsInside > 2 || run.deaths > 5) {
    endRun(run, { kind: "host-failure", reason: "process-lost", message: end.message });
    return "over";
  }
  rewind(run);
  return "again";
}
