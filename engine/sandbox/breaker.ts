/** When a tenant that ends processes is made to rest. Times in milliseconds. */
export type BreakerTerms = { kills: number; withinMs: number; restMs: number };

/** Remembers which tenants' runs ended sandbox processes. */
export type Breaker = { blame(tenant: string): void; isOpen(tenant: string): boolean };

/** A breaker per tenant: `kills` processes ended within `withinMs` close it off for `restMs`, others are not touched. */
export function createBreaker(terms: BreakerTerms, nowMs: () => number = () => performance.now()): Breaker {
  const kills = new Map<string, number[]>();
  const restUntil = new Map<string, number>();

  return {
    blame(tenant) {
      const recent = (kills.get(tenant) ?? []).filter((at) => at > nowMs() - terms.withinMs);
      recent.push(nowMs());
      kills.delete(tenant);
      if (recent.length < terms.kills) kills.set(tenant, recent);
      else restUntil.set(tenant, nowMs() + terms.restMs);
      const [oldest] = kills.keys();
      if (kills.size > 1000 && oldest !== undefined) kills.delete(oldest);
    },
    isOpen(tenant) {
      const until = restUntil.get(tenant);
      if (until === undefined) return false;
      if (until > nowMs()) return true;
      restUntil.delete(tenant);
      return false;
    },
  };
}
