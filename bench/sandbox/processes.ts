import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { residentBytes } from "../../engine/sandbox/resident-memory.ts";

/** Reads a file of `/proc`; a process that has just ended has none. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** The processes that this one has started, and those that they have started. */
export function descendants(): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    // the name in brackets may hold spaces and brackets
    const parent = /\) \S (\d+)/.exec(read(`/proc/${name}/stat`))?.[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const own = new Set([process.pid]);
  // a child may have a smaller number than its parent
  for (let before = 0; before < own.size; ) {
    before = own.size;
    for (const [pid, parent] of parents) if (own.has(parent)) own.add(pid);
  }
  own.delete(process.pid);
  return [...own];
}

/** The descendants that are Node: the sandbox processes, without their guardians and esbuild. */
export function sandboxProcesses(): number[] {
  const node = readlinkSync("/proc/self/exe");
  return descendants().filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/exe`) === node;
    } catch {
      return false;
    }
  });
}

/** The CPU time that the threads of these processes have had, in milliseconds. Exact to the nanosecond, unlike `stat`. */
export function cpuMsOf(pids: number[]): number {
  const threads = pids.flatMap((pid) => listed(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}`));
  return threads.reduce((sum, path) => sum + Number(read(`${path}/schedstat`).split(" ")[0]) / 1e6, 0);
}

function listed(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** The resident memory of these processes together, in KiB. */
export function residentKib(pids: number[]): number {
  return pids.reduce((sum, pid) => sum + (residentBytes(pid) ?? 0) / 1024, 0);
}
