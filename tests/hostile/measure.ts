import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Sandbox } from "../../engine/sandbox.ts";
import { sandboxChildren } from "../engine/sandbox-children.ts";
import { hostileCases } from "./cases/all.ts";
import type { Controls } from "./controls.ts";
import type { HostileCase, HostileFamily } from "./hostile-case.ts";
import { type CaseResult, runCase, wrongIn } from "./run-case.ts";

/** A figure and the case that it is from. */
export type Worst = { figure: number; of: string };

/** What the corpus shows of one family. Times in milliseconds. */
export type CorpusRow = {
  family: HostileFamily;
  cases: number;
  /** Each case that did not end as expected, in words. */
  wrong: string[];
  controls: Controls;
  /** The latest verdict, as a multiple of the CPU or wall budget that was broken. Of a case past 2, the best of three tries. */
  verdict: Worst;
  /**
   * The longest that this process's event loop was kept: by the clock, in which other work on the machine counts as well, and
   * by this thread's CPU time between two ticks of a millisecond.
   */
  delay: Worst;
  turn: Worst;
  /** Sandbox processes that were ended. */
  killed: number;
};

const slowRatio = 2;
const triesMax = 3;

/**
 * Runs the whole corpus, or the named families, in a fresh sandbox for each, and measures verdicts and this process's event
 * loop. `onRow` is told of each family as it is done.
 */
export async function measureCorpus(
  createSandbox: () => Sandbox,
  families: readonly string[] = Object.keys(hostileCases),
  onRow: (row: CorpusRow) => void = () => {},
): Promise<CorpusRow[]> {
  const rows: CorpusRow[] = [];
  for (const cases of Object.values(hostileCases)) {
    const family = cases[0]?.family;
    if (family === undefined || !families.includes(family)) continue;
    const sandbox = createSandbox();
    while (!(await sandbox.ready())) await sleep(10);
    // the spare too
    await sleep(500);
    const row = emptyRow(family);
    for (const hostile of cases) await measureCase(sandbox, hostile, row);
    await sandbox.close();
    rows.push(row);
    onRow(row);
  }
  return rows;
}

function emptyRow(family: HostileFamily): CorpusRow {
  const none = { figure: 0, of: "" };
  const controls = { answered: 0, wrong: 0, lost: 0, doubled: 0, missing: 0, faults: [] };
  return { family, cases: 0, wrong: [], controls, verdict: none, delay: none, turn: none, killed: 0 };
}

async function measureCase(sandbox: Sandbox, hostile: HostileCase, row: CorpusRow): Promise<void> {
  row.cases += 1;
  let ratio = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < triesMax && ratio > slowRatio; tries += 1) {
    const before = sandboxChildren();
    const meter = startMeter();
    const result = await runCase(sandbox, hostile);
    const { delayMs, turnMs } = meter();
    row.delay = worse(row.delay, delayMs, hostile);
    row.turn = worse(row.turn, turnMs, hostile);
    const left = sandboxChildren();
    row.killed += before.filter((pid) => !left.includes(pid)).length;
    row.wrong.push(...wrongIn(hostile, result).map((what) => `${hostile.name}: ${what}`));
    add(row.controls, result);
    ratio = Math.min(ratio, result.verdictRatio ?? 0);
  }
  row.verdict = worse(row.verdict, ratio, hostile);
}

function worse(before: Worst, figure: number, { name }: HostileCase): Worst {
  return figure > before.figure ? { figure, of: name } : before;
}

function add(total: Controls, { controls }: CaseResult): void {
  for (const key of ["answered", "wrong", "lost", "doubled", "missing"] as const) total[key] += controls[key];
  total.faults.push(...controls.faults);
}

/** Linux tells a thread its time as of its latest tick or switch, unless it has just added up the whole process's. */
function threadCpuUsage(): NodeJS.CpuUsage {
  process.cpuUsage();
  return process.threadCpuUsage();
}

/** Begins to watch this process's event loop; the function it returns ends that. */
function startMeter(): () => { delayMs: number; turnMs: number } {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  let before = threadCpuUsage();
  let longest = 0;
  const tick = () => {
    const now = threadCpuUsage();
    longest = Math.max(longest, now.user + now.system - before.user - before.system);
    before = now;
  };
  delay.enable();
  const timer = setInterval(tick, 1);
  return () => {
    tick();
    clearInterval(timer);
    delay.disable();
    // it counts from the tick before, which is a millisecond earlier
    return { delayMs: Math.max(0, delay.max / 1e6 - 1), turnMs: longest / 1e3 };
  };
}
