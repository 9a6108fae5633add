/**
 * CPU time of the sandbox process's only thread, in milliseconds. Linux tells a thread its time as of its latest tick or switch,
 * unless it has just added up the whole process's.
 */
export function threadCpuMs(): number {
  process.cpuUsage();
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
