import { readdirSync, readFileSync } from "node:fs";

/** The ids of the sandbox processes that process `parent` has started and that still run, from Linux's `/proc`. */
export function sandboxChildren(parent = process.pid): number[] {
  return childrenWith("--jitless", parent);
}

/** The ids of the processes that compile for this one. */
export function compilerChildren(): number[] {
  return childrenWith("--service=", process.pid);
}

function childrenWith(argument: string, parent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isChild(pid, parent) && read(`/proc/${pid}/cmdline`).includes(argument));
}

/** Whether a process is there and no zombie. */
export function isAlive(pid: number): boolean {
  return !["", "Z", "X"].includes(stateOf(pid).state);
}

function isChild(pid: number, parent: number): boolean {
  return stateOf(pid).parent === parent && isAlive(pid);
}

function stateOf(pid: number): { state: string; parent: number } {
  const stat = read(`/proc/${pid}/stat`);
  const [state = "", parent = ""] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { state, parent: Number(parent) };
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
