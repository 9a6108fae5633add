/**
 * Knows whether a server is believed to be there. After two failures with no success between them nobody is let through
 * for a moment; then one may try, and the others follow when it went well. Who asks a dead server waits for nothing.
 */
export type Circuit = {
  /** False: do not even ask. */
  admits(): boolean;
  succeeded(): void;
  failed(): void;
};

const failuresToOpen = 2;

/** Makes the circuit of one client. `restMs` is how long nobody asks after a failure. */
export function createCircuit(restMs: number): Circuit {
  let failures = 0;
  let restsUntilMs = Number.NEGATIVE_INFINITY;
  return {
    admits() {
      if (failures < failuresToOpen) return true;
      const nowMs = performance.now();
      if (nowMs < restsUntilMs) return false;
      restsUntilMs = nowMs + restMs;
      return true;
    },
    succeeded() {
      failures = 0;
    },
    failed() {
      failures += 1;
      restsUntilMs = performance.now() + restMs;
    },
  };
}
