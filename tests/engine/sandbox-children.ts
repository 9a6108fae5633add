import { readdirSync, readFileSync } from "node:fs";

/** The ids of the sandbox processes that process `parent` has started and that still run, from Linux's `/proc`. */
export function sandboxChildren(parent = process.pid): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isSandboxOf(pid, parent));
}

/** Whether a process is there and no zombie. */
export function isAlive(pid: number): boolean {
  return !["", "Z", "X"].includes(stateOf(pid).state);
}

function isSandboxOf(pid: number, parent: number): boolean {
  if (stateOf(pid).parent !== parent || !isAlive(pid)) return false;
  return read(`/proc/${pid}/cmdline`).includes("--jitless");
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
