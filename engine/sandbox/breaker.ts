import type { Rest } from "../sandbox.ts";

/** When a tenant that ends processes is made to rest. Times in milliseconds. */
export type BreakerTerms = { kills: number; withinMs: number; restMs: number };

/** Remembers which tenants' runs ended sandbox processes. */
export type Breaker = {
  /** A run of the tenant ended a process. */
  blame(tenant: string): void;
  /** How much longer the tenant rests; 0 when it does not. */
  restLeftMs(tenant: string): number;
  /** Who rests now. */
  rests(): Rest[];
};

/**
 * A breaker per tenant: `kills` processes ended within `withinMs` close it off for `restMs`, others are not touched. Tells
 * `onRest` once of each rest that begins.
 */
export function createBreaker(
  terms: BreakerTerms,
  onRest: (rest: Rest) => void,
  nowMs: () => number = () => performance.now(),
): Breaker {
  const kills = new Map<string, number[]>();
  const resting = new Map<string, { untilMs: number; kills: number }>();
  const wake = () => {
    for (const [tenant, { untilMs }] of resting) if (untilMs <= nowMs()) resting.delete(tenant);
  };

  return {
    blame(tenant) {
      const recent = (kills.get(tenant) ?? []).filter((at) => at > nowMs() - terms.withinMs);
      recent.push(nowMs());
      kills.delete(tenant);
      if (recent.length >= terms.kills) {
        wake();
        // runs that were under way may still end processes: they make the rest longer and begin no other
        const isNew = !resting.has(tenant);
        resting.set(tenant, { untilMs: nowMs() + terms.restMs, kills: recent.length });
        if (isNew) onRest({ tenant, leftMs: terms.restMs, kills: recent.length });
        return;
      }
      kills.set(tenant, recent);
      const [oldest] = kills.keys();
      if (kills.size > 1000 && oldest !== undefined) kills.delete(oldest);
    },
    restLeftMs(tenant) {
      const untilMs = resting.get(tenant)?.untilMs;
      return untilMs === undefined ? 0 : Math.max(0, untilMs - nowMs());
    },
    rests() {
      wake();
      return [...resting].map(([tenant, { untilMs, kills }]) => ({ tenant, leftMs: untilMs - nowMs(), kills }));
    },
  };
}
