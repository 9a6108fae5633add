import { setTimeout as sleep } from "node:timers/promises";
import type { Series } from "./messages.ts";
import { cpuMsOf, descendants } from "./processes.ts";

/** One run from beginning to end; throws unless its result is right. */
export type Run = () => Promise<void>;

/** Runs one after the other with a pause before each. */
export function pacedRuns(run: Run, { runs, gapMs }: { runs: number; gapMs: number }): Promise<Series> {
  return measured(async (times) => {
    for (let i = 0; i < runs; i++) {
      await sleep(gapMs);
      times.push(await timed(run));
    }
  });
}

/** Runs without a pause, so many at a time. */
export function runsAbreast(run: Run, { runs, abreast }: { runs: number; abreast: number }): Promise<Series> {
  return measured(async (times) => {
    let left = runs;
    const one = async () => {
      for (; left > 0; ) {
        left -= 1;
        times.push(await timed(run));
      }
    };
    await Promise.all(Array.from({ length: abreast }, one));
  });
}

/** How long a run takes, in milliseconds. */
export async function timed(run: Run): Promise<number> {
  const beganMs = performance.now();
  await run();
  return performance.now() - beganMs;
}

async function measured(work: (times: number[]) => Promise<void>): Promise<Series> {
  const times: number[] = [];
  const children = descendants();
  const childrenBefore = cpuMsOf(children);
  const cpuBefore = process.cpuUsage();
  const beganMs = performance.now();
  await work(times);
  const wallMs = performance.now() - beganMs;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { times, wallMs, ownCpuMs: (user + system) / 1000, childrenCpuMs: cpuMsOf(children) - childrenBefore };
}
