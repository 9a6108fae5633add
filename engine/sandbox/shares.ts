import { LRUCache } from "lru-cache";

/** What the tenants of a pool have used of it lately. */
export type Shares = {
  /** Notes a slice of `cpuMs` milliseconds. */
  charge(tenant: string, cpuMs: number): void;
  /** CPU time used lately as of `atMs`, in milliseconds: what is a second old counts half. Compare what is asked for one moment. */
  usedMs(tenant: string, atMs: number): number;
  /** Whether the tenant has held a process for long at a time, in the last while. */
  isHeavy(tenant: string): boolean;
};

type Share = { usedMs: number; atMs: number; heavyUntilMs: number };

const halfLifeMs = 1000;
/** A slice that takes longer than this makes a tenant heavy, for so long after it. */
const heavySliceMs = 40;
const heavyForMs = 10_000;
/** Tenants remembered; one that is forgotten begins anew. */
const tenantsMax = 2000;

/** Keeps the shares of all tenants in a pool. */
export function createShares(nowMs: () => number = () => performance.now()): Shares {
  const shares = new LRUCache<string, Share>({ max: tenantsMax });
  const faded = (share: Share, atMs: number) => share.usedMs * 0.5 ** ((atMs - share.atMs) / halfLifeMs);

  return {
    charge(tenant, cpuMs) {
      const share = shares.get(tenant) ?? { usedMs: 0, atMs: 0, heavyUntilMs: 0 };
      const atMs = nowMs();
      share.usedMs = faded(share, atMs) + cpuMs;
      share.atMs = atMs;
      if (cpuMs > heavySliceMs) share.heavyUntilMs = share.atMs + heavyForMs;
      shares.set(tenant, share);
    },
    usedMs(tenant, atMs) {
      const share = shares.get(tenant);
      return share ? faded(share, atMs) : 0;
    },
    isHeavy(tenant) {
      const share = shares.get(tenant);
      return share !== undefined && share.heavyUntilMs > nowMs();
    },
  };
}
