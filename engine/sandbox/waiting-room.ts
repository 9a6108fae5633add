import type { PoolRun } from "./pool-run.ts";

/** Runs that wait for a place, each tenant's in order. */
export type WaitingRoom = {
  readonly size: () => number;
  /** How many runs of a tenant wait. */
  of(tenant: string): number;
  add(run: PoolRun): void;
  /** Puts a run that has had a place already before all others of its tenant. */
  addFirst(run: PoolRun): void;
  /** Takes a run out that waits no longer; false when it was not here. */
  remove(run: PoolRun): boolean;
  /**
   * Takes out the first run of the tenant for which `rank` is lowest; tenants ranked undefined are passed over. Of equals
   * the one that has waited longest without a turn comes first.
   */
  next(rank: (tenant: string) => number | undefined): PoolRun | undefined;
};

/** A waiting room in which a crowd of one tenant does not stand before the others. */
export function createWaitingRoom(): WaitingRoom {
  const queues = new Map<string, PoolRun[]>();
  let size = 0;
  const put = (run: PoolRun, first: boolean) => {
    const queue = queues.get(run.job.tenant) ?? [];
    if (first) queue.unshift(run);
    else queue.push(run);
    queues.set(run.job.tenant, queue);
    size += 1;
  };
  const tidy = (tenant: string, queue: PoolRun[]) => {
    size -= 1;
    queues.delete(tenant);
    // behind the others again: it has had its turn
    if (queue.length > 0) queues.set(tenant, queue);
  };

  return {
    size: () => size,
    of: (tenant) => queues.get(tenant)?.length ?? 0,
    add: (run) => put(run, false),
    addFirst: (run) => put(run, true),
    remove(run) {
      const queue = queues.get(run.job.tenant);
      const at = queue?.indexOf(run) ?? -1;
      if (!queue || at < 0) return false;
      queue.splice(at, 1);
      size -= 1;
      if (queue.length === 0) queues.delete(run.job.tenant);
      return true;
    },
    next(rank) {
      let best: { tenant: string; queue: PoolRun[]; rank: number } | undefined;
      for (const [tenant, queue] of queues) {
        const ranked = rank(tenant);
        if (ranked !== undefined && (best === undefined || ranked < best.rank)) best = { tenant, queue, rank: ranked };
      }
      const run = best?.queue.shift();
      if (best && run) tidy(best.tenant, best.queue);
      return run;
    },
  };
}
