import * as v from "valibot";
import { startContestant } from "../contestant.ts";
import { slope } from "../figures.ts";
import { Held, Series } from "../messages.ts";
import { type Part, progress, type Row, type Scale } from "../report.ts";

type Sample = Held & { runs: number };

const methods = 200;
const chunk = 1000;
/** A tenth of a GiB in a million runs counts as flat: more would be seen in the table before it is felt. */
const flatKib = 100;

/** Memory and handles over many runs of 200 methods by turns, looked at every 1,000 runs. */
export async function measureLeak({ leakRuns }: Scale): Promise<Part> {
  const contestant = await startContestant("scrip");
  await contestant.ask(Series, { do: "warm", runs: 100, gapMs: 1 });
  const samples: Sample[] = [];
  const settledRuns = Math.min(10_000, Math.round(leakRuns / (5 * chunk)) * chunk);
  const heaps: number[] = [];
  const beganMs = performance.now();
  for (let runs = 0; runs <= leakRuns; runs += chunk) {
    const held = await contestant.ask(Held, { do: "turns", runs: runs === 0 ? 0 : chunk, methods, abreast: 4 });
    samples.push({ ...held, runs });
    // not where the slopes begin: a collection would be seen in them
    if (runs === chunk || runs + chunk > leakRuns) heaps.push(await contestant.ask(v.number(), { do: "heap" }));
    if (runs % (10 * chunk) === 0) {
      const [engine, sandbox] = [held.engineKib, held.sandboxKib].map((kib) => Math.round(kib / 1024));
      progress(`leak ${runs}/${leakRuns}: engine ${engine} MiB, sandbox processes ${sandbox} MiB`);
    }
  }
  const seconds = (performance.now() - beganMs) / 1000;
  await contestant.end();
  return report({ samples, heaps, settledRuns, seconds });
}

type Found = { samples: Sample[]; heaps: number[]; settledRuns: number; seconds: number };

function report({ samples, heaps, settledRuns, seconds }: Found): Part {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last) throw new Error("no runs were made");
  const settled = samples.filter(({ runs }) => runs >= settledRuns);
  const slopeOf = (of: (sample: Sample) => number) =>
    slope(settled.map((sample) => ({ x: sample.runs / 1000, y: of(sample) })));
  const row = (name: string, of: (sample: Sample) => number) => {
    const grown = of(last) - (settled[0] ? of(settled[0]) : Number.NaN);
    return { name, figures: [of(first) / 1024, of(last) / 1024, grown / 1024, slopeOf(of)] };
  };
  const replaced = new Set(samples.flatMap(({ sandboxes }) => sandboxes)).size - first.sandboxes.length;
  return {
    title: `${last.runs} runs of ${methods} methods by turns`,
    columns: ["MiB at first", "MiB at last", `MiB grown after ${settledRuns} runs`, "slope KiB per 1,000 runs"],
    rows: [
      row("engine's process", ({ engineKib }) => engineKib),
      row(`sandbox processes (${first.sandboxes.length})`, ({ sandboxKib }) => sandboxKib),
      heapRow(heaps, (last.runs - chunk) / 1000),
    ],
    notes: [
      `${Math.round(last.runs / seconds)} runs a second, four abreast. Resources that keep the engine's process awake: `.concat(
        `${first.resources} before, ${last.resources} after. Sandbox processes replaced on the way: ${replaced}. `,
        `isolated-vm's handles: ${last.handles} of ${last.isolates} isolates, after ${settledRuns} runs `,
        `${settled[0]?.handles} of ${settled[0]?.isolates}.`,
      ),
    ],
    goals: [
      { name: "engine's process, KiB a 1,000 runs", figure: slopeOf(({ engineKib }) => engineKib), atMost: flatKib },
      { name: "sandbox processes, KiB a 1,000 runs", figure: slopeOf(({ sandboxKib }) => sandboxKib), atMost: flatKib },
      {
        name: "handles of an isolate, last to settled",
        figure: perIsolate(last) / perIsolate(settled[0]),
        atMost: 1.1,
      },
    ],
  };
}

function perIsolate(sample: Sample | undefined): number {
  return sample ? sample.handles / sample.isolates : Number.NaN;
}

/** Resident memory also holds garbage and what the allocator keeps: what is left after a collection is a leak's true measure. */
function heapRow([before = Number.NaN, after = Number.NaN]: number[], thousands: number): Row {
  const grown = after - before;
  return {
    name: "engine's heap after a collection, from 1,000 runs on",
    figures: [before / 1024, after / 1024, grown / 1024, grown / thousands],
  };
}
