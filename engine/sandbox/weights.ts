import type { PoolRun, Slice } from "./pool-run.ts";

/**
 * Which runs have taken a process's memory, as far as it can be told from outside: what the process has grown by between two
 * looks is put down to the run that computed most in between. V8 counts only some of what its functions allocate, and a run
 * may take a little in each of many slices.
 */
export type Weights = { bytes: number | undefined; cpuMs: Map<PoolRun, number>; spentMs: number; sinceMs: number };

/**
 * What was seen of a process during one slice: its weight and its thread's CPU time at the first look, by how much it has grown,
 * and the latest look before the slice's limit, on the clock of `performance.now()`.
 */
export type Seen = {
  slice: Slice;
  bytes: number;
  cpuMs: number;
  grownBytes: number;
  before: { cpuMs: number; atMs: number };
};

/** So much computing may have taken some megabytes, and is worth a look. */
const worthMs = 4;
/** So long, in milliseconds, and so many runs are waited for that: growth is put down to runs of late. */
const worthAfterMs = 100;
const worthRuns = 64;
const slackBytes = 64 << 20;

/** The weights of a process that has not been looked at. */
export function createWeights(): Weights {
  return { bytes: undefined, cpuMs: new Map(), spentMs: 0, sinceMs: 0 };
}

/** Notes that a run has computed for so long. */
export function noteSlice(weights: Weights, run: PoolRun, ms: number): void {
  if (weights.cpuMs.size === 0) weights.sinceMs = performance.now();
  weights.cpuMs.set(run, (weights.cpuMs.get(run) ?? 0) + ms);
  weights.spentMs += ms;
}

/** Whether enough was computed since the last look for the process to have become much larger, or anything a while ago. */
export function isWorthALook({ cpuMs, spentMs, sinceMs }: Weights): boolean {
  if (cpuMs.size === 0) return false;
  return spentMs >= worthMs || cpuMs.size >= worthRuns || performance.now() - sinceMs >= worthAfterMs;
}

/** Notes how large the process is now; `current` has been in the guest all the time since the last look. */
export function noteBytes(weights: Weights, bytes: number, current: PoolRun | undefined): void {
  const grownBytes = bytes - (weights.bytes ?? bytes);
  const taker = current ?? busiest(weights.cpuMs);
  if (taker) taker.heldBytes = Math.max(0, taker.heldBytes + grownBytes);
  weights.bytes = bytes;
  weights.cpuMs.clear();
  weights.spentMs = 0;
}

function busiest(cpuMs: Map<PoolRun, number>): PoolRun | undefined {
  let most: [PoolRun | undefined, number] = [undefined, -1];
  for (const [run, ms] of cpuMs) if (ms > most[1]) most = [run, ms];
  return most[0];
}

/** The run that holds far more than it may, if there is one: no collector of garbage lets it come to that. */
export function swollen(runs: Iterable<PoolRun>): PoolRun | undefined {
  return heaviest(runs, (budgetBytes) => 3 * budgetBytes + slackBytes);
}

/** The run that is most likely to blame when a process has run out of memory, if one holds more than it may. */
export function overweight(runs: Iterable<PoolRun>): PoolRun | undefined {
  return heaviest(runs, (budgetBytes) => 2 * budgetBytes);
}

function heaviest(runs: Iterable<PoolRun>, limit: (budgetBytes: number) => number): PoolRun | undefined {
  let found: PoolRun | undefined;
  for (const run of runs) {
    if (run.heldBytes > limit(run.job.budgets.memoryBytes) && run.heldBytes > (found?.heldBytes ?? 0)) found = run;
  }
  return found;
}
