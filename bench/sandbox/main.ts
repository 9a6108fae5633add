import { availableParallelism, cpus, loadavg, release, type } from "node:os";
import { parseArgs } from "node:util";
import { measureHostile } from "./parts/corpus.ts";
import { measureFairness } from "./parts/fairness.ts";
import { measureLeak } from "./parts/leak.ts";
import { measurePeers } from "./parts/peers.ts";
import { measureWarm } from "./parts/warm.ts";
import { goalsAsMarkdown, isMet, type Part, partAsMarkdown, type Scale } from "./report.ts";

/**
 * What the sandbox costs, beside its goals and its peers: `npm run bench:sandbox -- [parts] [--quick] [--json]`. Every
 * contestant is a fresh process, and they take turns. Tables on standard output, progress beside them.
 */
const parts: Record<string, (scale: Scale) => Promise<Part>> = {
  warm: measureWarm,
  peers: measurePeers,
  fairness: measureFairness,
  leak: measureLeak,
  corpus: measureHostile,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    "leak-runs": { type: "string" },
  },
});
const unknown = positionals.find((name) => parts[name] === undefined);
if (unknown !== undefined) throw new Error(`no part is named ${unknown}: ${Object.keys(parts).join(", ")}`);

const machine = {
  cpu: cpus()[0]?.model ?? "unknown",
  cores: availableParallelism(),
  system: `${type()} ${release()}`,
  node: process.version,
  date: new Date().toISOString().slice(0, 16),
  loadAtStart: loadavg()[0] ?? 0,
};
const scale = { quick: values.quick, leakRuns: Number(values["leak-runs"] ?? (values.quick ? 5000 : 100_000)) };
const done: Part[] = [];
for (const [name, measure] of Object.entries(parts)) {
  if (positionals.length === 0 || positionals.includes(name)) done.push(await measure(scale));
}
const goals = done.flatMap((part) => part.goals);

if (values.json) {
  const judged = goals.map((goal) => ({ ...goal, met: isMet(goal) }));
  console.log(JSON.stringify({ machine, scale, parts: done, goals: judged }, null, 2));
} else {
  const { cpu, cores, system, node, date, loadAtStart } = machine;
  console.log(`${cores} cores (${cpu}), ${system}, Node ${node}, ${date}, load at start ${loadAtStart.toFixed(2)}\n`);
  for (const part of done) console.log(partAsMarkdown(part));
  if (goals.length > 0) console.log(goalsAsMarkdown(goals));
}
