import { readlinkSync } from "node:fs";
import autocannon from "autocannon";
import { startLibsqlServer } from "../tests/fakes/libsql-server.ts";
import { openFreeShop, startNode } from "../tests/runtime/production-node.ts";
import { type ServerProcess, temporaryFolder } from "../tests/runtime/server-process.ts";
import { cpuMsOf, descendants } from "./sandbox/processes.ts";

/**
 * Decisions a second of one node and of two on the same libSQL server, `npm run bench:nodes -- 5 5`: rounds, seconds each. As
 * in production: real processes, events written. The CPU time of a decision, of the node and of the database server, is what
 * the sizing in docs/scaling.md is reckoned from: it holds where the load generator has not the same cores.
 */
const rounds = Number(process.argv[2] ?? 5);
const seconds = Number(process.argv[3] ?? 5);
const connections = 32;

const visitors = [
  { name: "anonymous", identity: { anonymousIdentifier: "anon_1" } },
  { name: "known user", identity: { userIdentifier: "reader@example.com" } },
];
const contestants = [1, 2].flatMap((nodes) => visitors.map((visitor) => ({ nodes, ...visitor })));

type Figures = { rate: number; p50: number; p99: number; nodeCpuMs: number; databaseCpuMs: number };
type Contestant = (typeof contestants)[number];

const database = await startLibsqlServer({ auth: true });
const folder = await temporaryFolder();
const nodes = await Promise.all(
  ["a", "b"].map((name) => startNode(database, `${folder.path}/${name}`, { RATE_LIMIT_KEY: "0", LOG_LEVEL: "error" })),
);
const key = await openFreeShop(nodes[0]?.url ?? "");
const databasePids = descendants().filter((pid) => exeOf(pid).endsWith("/sqld"));

async function measure({ nodes: count, identity }: Contestant): Promise<Figures> {
  const used = nodes.slice(0, count);
  await load(used, identity, 2);
  const nodePids = used.flatMap(({ child }) => child.pid ?? []);
  const before = [cpuMsOf(nodePids), cpuMsOf(databasePids)];
  const results = await load(used, identity, seconds);
  const [nodeCpuMs = 0, databaseCpuMs = 0] = [cpuMsOf(nodePids), cpuMsOf(databasePids)].map(
    (now, i) => now - (before[i] ?? 0),
  );
  const made = results.reduce((sum, { requests }) => sum + requests.total, 0);
  const failed = results.reduce((sum, { non2xx, errors }) => sum + non2xx + errors, 0);
  if (failed > 0) throw new Error(`${failed} decisions failed`);
  return {
    rate: results.reduce((sum, { requests }) => sum + requests.average, 0),
    p50: Math.max(...results.map(({ latency }) => latency.p50)),
    p99: Math.max(...results.map(({ latency }) => latency.p99)),
    nodeCpuMs: nodeCpuMs / made,
    databaseCpuMs: databaseCpuMs / made,
  };
}

function load(used: readonly ServerProcess[], identity: Contestant["identity"], duration: number) {
  return Promise.all(
    used.map(({ url }) =>
      autocannon({
        url: `${url}/api/v1/surface-decisions`,
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
        body: JSON.stringify({ surfaceSlug: "open", identity }),
        connections: connections / used.length,
        duration,
      }),
    ),
  );
}

function exeOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return "";
  }
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const results: Figures[][] = contestants.map(() => []);
for (let round = 0; round < rounds; round += 1) {
  for (let turn = 0; turn < contestants.length; turn += 1) {
    const i = (turn + round) % contestants.length;
    const contestant = contestants[i];
    if (contestant === undefined) continue;
    const figures = await measure(contestant);
    results[i]?.push(figures);
    const { nodes: count, name } = contestant;
    console.error(`round ${round + 1}/${rounds}  ${count} nodes, ${name}: ${Math.round(figures.rate)}/s`);
  }
}
console.log("| nodes | visitor | decisions/s | to one node | p50 ms | p99 ms | node's CPU ms | database's CPU ms |");
console.log("|---|---|---|---|---|---|---|---|");
contestants.forEach(({ nodes: count, name }, i) => {
  const own = results[i] ?? [];
  const alone = results[i % visitors.length] ?? [];
  const of = (figure: keyof Figures) => median(own.map((figures) => figures[figure]));
  const ratio = median(own.map(({ rate }, round) => rate / (alone[round]?.rate ?? Number.NaN)));
  const cpu = `${of("nodeCpuMs").toFixed(3)} | ${of("databaseCpuMs").toFixed(3)}`;
  console.log(
    `| ${count} | ${name} | ${Math.round(of("rate"))} | ${ratio.toFixed(2)} | ${of("p50")} | ${of("p99")} | ${cpu} |`,
  );
});
await Promise.all(nodes.map((node) => node.end("SIGTERM")));
await database.stop();
await folder.remove();
