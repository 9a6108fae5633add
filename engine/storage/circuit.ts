/**
 * Knows whether a server is believed to be there. After two failures with no success between them nobody is let through
 * for a moment; then one may try, and the others follow when it went well. Who asks a dead server waits for nothing. It holds
 * numbers alone, so that clients of one request each may share it.
 */
export type Circuit = {
  /** How somebody comes in: with the others, alone to try whether the server is back, or not at all. */
  enter(): "with-others" | "alone" | "refused";
  /** Whether the server is believed to be gone. */
  isOpen(): boolean;
  succeeded(): void;
  failed(): void;
};

const failuresToOpen = 2;

/** How long a server that does not answer is not asked again, where nobody says otherwise. */
export const patientRestMs = 500;

/** Makes a circuit. `restMs` is how long nobody asks after a failure. */
export function createCircuit(restMs: number = patientRestMs): Circuit {
  let failures = 0;
  let restsUntilMs = Number.NEGATIVE_INFINITY;
  const isOpen = () => failures >= failuresToOpen;
  return {
    isOpen,
    enter() {
      if (!isOpen()) return "with-others";
      const nowMs = performance.now();
      if (nowMs < restsUntilMs) return "refused";
      restsUntilMs = nowMs + restMs;
      return "alone";
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
