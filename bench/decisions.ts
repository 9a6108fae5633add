import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import autocannon from "autocannon";
import * as v from "valibot";

/**
 * Decisions a second against the bare ceiling, `npm run bench:decisions`. Every round starts fresh processes and takes
 * the contestants by turns; figures are medians over the rounds, ratios those of the same round.
 */
const rounds = Number(process.argv[2] ?? 5);
const seconds = Number(process.argv[3] ?? 5);

const contestants = [
  { name: "Hono + one jose HS256", file: "servers/bare.ts", args: [] },
  { name: "decision, anonymous", file: "servers/scrip.ts", args: ["anonymous"] },
  { name: "decision, known user", file: "servers/scrip.ts", args: [] },
  { name: "… that records no event (dry run)", file: "servers/scrip.ts", args: ["dry"] },
  { name: "… that asks the database about everybody", file: "servers/scrip.ts", args: ["ask-all"] },
];

const Ready = v.object({ url: v.string(), body: v.unknown(), headers: v.record(v.string(), v.string()) });

type Figures = { rate: number; p50: number; p99: number };

async function measure({ file, args }: (typeof contestants)[number]): Promise<Figures> {
  const child = spawn(process.execPath, [fileURLToPath(new URL(file, import.meta.url)), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const { url, body, headers } = await ready(child);
  const load = {
    url,
    method: "POST" as const,
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  };
  await autocannon({ ...load, connections: 16, duration: 2 });
  const result = await autocannon({ ...load, connections: 16, duration: seconds });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${file}: ${result.non2xx} refused, ${result.errors} failed`);
  child.kill("SIGTERM");
  await once(child, "exit");
  return { rate: result.requests.average, p50: result.latency.p50, p99: result.latency.p99 };
}

async function ready(child: ChildProcess): Promise<v.InferOutput<typeof Ready>> {
  if (child.stdout === null) throw new Error("no output to read");
  for await (const line of createInterface({ input: child.stdout })) return v.parse(Ready, JSON.parse(line));
  throw new Error("the server did not start");
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const results: Figures[][] = contestants.map(() => []);
for (let round = 0; round < rounds; round++) {
  const order = contestants.map((_, i) => (i + round) % contestants.length);
  for (const i of order) {
    const contestant = contestants[i];
    if (contestant === undefined) continue;
    const figures = await measure(contestant);
    results[i]?.push(figures);
    console.error(`round ${round + 1}/${rounds}  ${contestant.name}: ${Math.round(figures.rate)}/s`);
  }
}
const ceiling = results[0] ?? [];
console.log("| | requests/s | ratio to the ceiling | p50 ms | p99 ms |\n|---|---|---|---|---|");
contestants.forEach(({ name }, i) => {
  const own = results[i] ?? [];
  const ratio = median(own.map(({ rate }, round) => rate / (ceiling[round]?.rate ?? Number.NaN)));
  const [rate, p50, p99] = [own.map((f) => f.rate), own.map((f) => f.p50), own.map((f) => f.p99)].map(median);
  console.log(`| ${name} | ${Math.round(rate ?? 0)} | ${ratio.toFixed(2)} | ${p50} | ${p99} |`);
});
