import type { Breaker } from "./breaker.ts";
import { childProgram } from "./child-program.ts";
import { culprit, judge } from "./judge.ts";
import { type Lane, type LaneEvents, openLane } from "./lane.ts";
import type { PoolRun } from "./pool-run.ts";
import type { ProcessEnd, ProcessTerms } from "./sandbox-process.ts";
import { rise, type Seats, seat } from "./seating.ts";
import type { Tally } from "./tally.ts";

/** All processes of a pool: those that take runs, those that have made way and wait for their last runs to end, and the spare. */
export type Lanes = { lanes: Lane[]; leaving: Set<Lane>; spare: Lane | undefined };

/** A pool, as far as its processes go. `failedStarts` are those in a row, and `trouble` what the latest said. */
export type Fleet = Seats &
  Lanes & {
    readonly options: Omit<ProcessTerms, "program"> & {
      readonly processes: number;
      readonly isolatesPerProcess: number;
      readonly onTrouble: (message: string) => void;
    };
    readonly breaker: Breaker;
    readonly tally: Tally;
    readonly events: LaneEvents;
    failedStarts: number;
    trouble: string;
    closed: boolean;
  };

const spareSlot = -1;
const restartFirstMs = 100;
/** The longest that is waited for before a process is started again, in milliseconds. */
export const restartMaxMs = 5000;
/** After so many starts that failed in a row nobody is let wait for the next. */
const hopelessStarts = 3;

/** All processes, the spare last. */
export function lanesOf({ lanes, leaving, spare }: Lanes): Lane[] {
  return [...lanes, ...leaving, ...(spare ? [spare] : [])];
}

/** Whether it is unlikely that there will be a process soon. */
export function isHopeless({ failedStarts, lanes }: Fleet): boolean {
  return failedStarts >= hopelessStarts && !lanes.some(({ state }) => state === "ready");
}

/** Opens lanes until there are enough, the warm spare first in line, and one spare more. */
export function refill(fleet: Fleet): void {
  if (fleet.closed) return;
  for (let slot = 0; slot < fleet.options.processes; slot += 1) {
    if (fleet.lanes.some((lane) => lane.slot === slot)) continue;
    const lane = fleet.spare ?? newLane(fleet);
    lane.slot = slot;
    fleet.lanes.push(lane);
    fleet.spare = undefined;
  }
  fleet.spare ??= newLane(fleet);
  seat(fleet);
}

function newLane(fleet: Fleet): Lane {
  const { writableKib, idleIsolates, startMs } = fleet.options;
  return openLane(
    { program: childProgram(), writableKib, idleIsolates, startMs },
    spareSlot,
    fleet.shares,
    fleet.events,
  );
}

/** Has the spare take the place of a process that has had its time, which ends when the last run has left it. */
export function retire(fleet: Fleet, lane: Lane): void {
  const isWorn = lane.opened >= fleet.options.isolatesPerProcess;
  if (isWorn && fleet.spare?.state === "ready" && fleet.lanes.includes(lane)) {
    fleet.lanes = fleet.lanes.filter((other) => other !== lane);
    fleet.leaving.add(lane);
    refill(fleet);
  }
  if (!fleet.leaving.has(lane) || lane.runs.size > 0) return;
  lane.process.kill({ reason: "retired", message: "the sandbox process has had its time" });
}

/** Blames who is to blame, moves the innocent runs, and has the spare take the place of the process. */
export function replace(fleet: Fleet, lane: Lane, end: ProcessEnd): void {
  fleet.lanes = fleet.lanes.filter((other) => other !== lane);
  fleet.leaving.delete(lane);
  if (fleet.spare === lane) fleet.spare = undefined;
  fleet.tally.processesEnded[end.reason] += 1;
  if (fleet.closed) return;
  const again: PoolRun[] = [];
  const guilty = culprit(lane, end);
  for (const made of [...lane.runs]) {
    rise(fleet, made);
    const verdict = judge(lane, made, end, guilty);
    if (verdict === "blamed") fleet.breaker.blame(made.job.tenant);
    if (verdict === "again") again.push(made);
  }
  lane.runs.clear();
  fleet.tally.runsReplayed += again.filter(({ echoes }) => echoes > 0).length;
  for (const made of again.reverse()) fleet.room.addFirst(made);
  if (!lane.wasReady && end.reason !== "closed") {
    fleet.failedStarts += 1;
    fleet.trouble = end.message;
    if (fleet.failedStarts === 1) fleet.options.onTrouble(end.message);
  }
  const delayMs = Math.min(restartFirstMs * 2 ** fleet.failedStarts, restartMaxMs);
  if (fleet.failedStarts === 0) refill(fleet);
  else {
    setTimeout(() => refill(fleet), delayMs).unref();
    // other processes may have places meanwhile
    seat(fleet);
  }
}
