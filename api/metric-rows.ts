import type { Engine } from "../engine/engine.ts";
import type { SandboxStats } from "../engine/sandbox.ts";
import { readTenant } from "../engine/tenants.ts";

/** What is read anew for each answer of `/metrics`. */
export type Snapshot = { engine: Engine; stats: SandboxStats; underWay: number; webhooksWaiting: number | null };

/** A value and its labels, in the order of the metric's. */
export type Sample = { labels: string[]; value: number };

/** One metric: `samples` are all that is to say of it now, a value for each combination of labels. */
export type MetricRow = {
  type: "counter" | "gauge";
  name: string;
  help: string;
  labels?: string[];
  samples: (now: Snapshot) => Sample[];
};

/** What a server tells beside the times of its requests. Everything is counted elsewhere, for as long as the process runs. */
export const metricRows: MetricRow[] = [
  {
    type: "gauge",
    name: "scrip_http_requests_under_way",
    help: "Requests that are being answered",
    samples: ({ underWay }) => one(underWay),
  },
  {
    type: "counter",
    name: "scrip_redemptions_total",
    help: "Redemptions that were answered, by success or error code",
    labels: ["environment", "outcome"],
    samples: ({ engine }) => counted(engine.redemptionCounts),
  },
  {
    type: "counter",
    name: "scrip_workflow_runs_total",
    help: "Runs of redemption workflows, by how they ended",
    labels: ["environment", "method", "outcome"],
    samples: ({ engine }) => counted(engine.runCounts),
  },
  {
    type: "counter",
    name: "scrip_faults_total",
    help: "Faults of this server, as its log tells them",
    labels: ["kind"],
    samples: ({ engine }) => [...listed({ database: 0, other: 0 }), ...counted(engine.faultCounts)],
  },
  {
    type: "counter",
    name: "scrip_rate_limited_total",
    help: "Requests that were refused by a rate limit",
    labels: ["limit"],
    samples: ({ engine }) => listed(engine.rateLimits.refused),
  },
  {
    type: "gauge",
    name: "scrip_events_waiting",
    help: "Events that are not written yet",
    samples: ({ engine }) => one(engine.events.waiting()),
  },
  {
    type: "gauge",
    name: "scrip_webhooks_waiting",
    help: "Outgoing webhooks of the database that wait to be sent, 10000 at most",
    samples: ({ webhooksWaiting }) => (webhooksWaiting === null ? [] : one(webhooksWaiting)),
  },
  {
    type: "gauge",
    name: "scrip_sandbox_processes",
    help: "Sandbox processes",
    labels: ["state"],
    samples: ({ stats }) =>
      ["ready", "starting", "spare"].map((state) => ({ labels: [state], value: inState(stats, state) })),
  },
  {
    type: "counter",
    name: "scrip_sandbox_processes_ended_total",
    help: "Sandbox processes that ended, by reason",
    labels: ["reason"],
    samples: ({ stats }) => listed(stats.processesEnded),
  },
  {
    type: "gauge",
    name: "scrip_sandbox_resident_bytes",
    help: "Resident memory of each sandbox process",
    labels: ["process"],
    samples: ({ stats }) =>
      stats.processes.flatMap(({ spare, residentBytes }, i) =>
        residentBytes === null ? [] : [{ labels: [spare ? "spare" : String(i)], value: residentBytes }],
      ),
  },
  {
    type: "gauge",
    name: "scrip_sandbox_isolates",
    help: "Isolates of all sandbox processes",
    labels: ["state"],
    samples: ({ stats }) => [
      { labels: ["idle"], value: sum(stats, "idleIsolates") },
      { labels: ["live"], value: sum(stats, "liveIsolates") },
    ],
  },
  {
    type: "gauge",
    name: "scrip_sandbox_handles",
    help: "Contexts, scripts and references that sandbox processes hold",
    samples: ({ stats }) => one(sum(stats, "handles")),
  },
  {
    type: "gauge",
    name: "scrip_sandbox_runs",
    help: "Runs in the sandbox",
    labels: ["state"],
    samples: ({ stats }) => [
      { labels: ["under_way"], value: stats.runsUnderWay },
      { labels: ["waiting"], value: stats.runsWaiting },
    ],
  },
  {
    type: "counter",
    name: "scrip_sandbox_runs_ended_total",
    help: "Runs of any kind that ended, by how",
    labels: ["outcome"],
    samples: ({ stats }) => listed(stats.runsEnded),
  },
  {
    type: "counter",
    name: "scrip_sandbox_runs_replayed_total",
    help: "Times that a run was led again after its process had died",
    samples: ({ stats }) => one(stats.runsReplayed),
  },
  {
    type: "counter",
    name: "scrip_sandbox_host_failures_total",
    help: "Runs that the sandbox could not make, by cause",
    labels: ["cause"],
    samples: ({ stats }) => listed(stats.hostFailures),
  },
  {
    type: "counter",
    name: "scrip_sandbox_rests_total",
    help: "Times that a method began to rest",
    samples: ({ stats }) => one(stats.restsBegun),
  },
  {
    type: "gauge",
    name: "scrip_sandbox_rest_seconds",
    help: "How much longer a method rests",
    labels: ["purpose", "environment", "method"],
    samples: ({ stats }) => restsOf(stats),
  },
];

function one(value: number): Sample[] {
  return [{ labels: [], value }];
}

function listed(counts: Record<string, number>): Sample[] {
  return Object.entries(counts).map(([label, value]) => ({ labels: [label], value }));
}

function counted(counts: Engine["runCounts"]): Sample[] {
  return counts.entries().map(({ labels, count }) => ({ labels, value: count }));
}

function inState({ processes }: SandboxStats, wanted: string): number {
  return processes.filter(({ state, spare }) => (spare && state === "ready" ? "spare" : state) === wanted).length;
}

function sum({ processes }: SandboxStats, what: "idleIsolates" | "liveIsolates" | "handles"): number {
  return processes.reduce((total, process) => total + process[what], 0);
}

/** Modules that are checked have no name that stays: the longest rest of them stands for all. */
function restsOf({ resting }: SandboxStats): Sample[] {
  const longest = new Map<string, Sample>();
  for (const { tenant, leftMs } of resting) {
    const { purpose, environmentId, methodSlug } = readTenant(tenant) ?? {
      purpose: "check",
      environmentId: "",
      methodSlug: "",
    };
    const labels = [purpose, environmentId, methodSlug];
    const known = longest.get(labels.join(" "))?.value ?? 0;
    longest.set(labels.join(" "), { labels, value: Math.max(known, leftMs / 1000) });
  }
  return [...longest.values()];
}
