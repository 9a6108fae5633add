import type { HostFailureReason, ProcessEndReason, SandboxOutcome } from "../sandbox.ts";

/** What a sandbox counts as it goes. */
export type Tally = {
  processesEnded: Record<ProcessEndReason, number>;
  runsReplayed: number;
  runsEnded: Record<SandboxOutcome["kind"], number>;
  hostFailures: Record<HostFailureReason, number>;
  restsBegun: number;
};

/** Nothing has happened yet. */
export function createTally(): Tally {
  return {
    processesEnded: {
      overdue: 0,
      swollen: 0,
      lied: 0,
      "out-of-memory": 0,
      crashed: 0,
      killed: 0,
      retired: 0,
      closed: 0,
    },
    runsReplayed: 0,
    runsEnded: {
      returned: 0,
      threw: 0,
      "timed-out": 0,
      "cpu-exceeded": 0,
      "out-of-memory": 0,
      refused: 0,
      cancelled: 0,
      "host-failure": 0,
    },
    hostFailures: { busy: 0, resting: 0, "no-process": 0, "process-lost": 0, protocol: 0 },
    restsBegun: 0,
  };
}

/** Counts a run that has ended, each once. */
export function tallyRun(tally: Tally, outcome: SandboxOutcome): void {
  tally.runsEnded[outcome.kind] += 1;
  if (outcome.kind === "host-failure") tally.hostFailures[outcome.reason] += 1;
}
