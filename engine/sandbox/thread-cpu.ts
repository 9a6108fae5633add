import { readFileSync } from "node:fs";

/** Linux tells times in hundredths of a second, whatever its own ticks are. */
const msPerTick = 10;

/**
 * The CPU time in milliseconds that a process's main thread has used, from Linux's `/proc`, to the nearest hundredth of a
 * second; undefined where there is none, or no such process.
 */
export function mainThreadCpuMs(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/task/${pid}/stat`, "utf8");
    // the name before it, in brackets, may have spaces
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * msPerTick;
  } catch {
    return undefined;
  }
}
