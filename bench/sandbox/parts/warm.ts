import { type Contestant, startContestant } from "../contestant.ts";
import { median, quantile, rotated } from "../figures.ts";
import { Series } from "../messages.ts";
import { type Part, progress, type Scale } from "../report.ts";

type Step = { name: string; measure: (figures: Figures, contestant: Contestant) => Promise<void> };
type Figures = Map<string, number[]>;

const widths = [1, 8, 32];

/** Scrip's own pool: latency, throughput, and the CPU time that a run takes on either side of the pipe. */
export async function measureWarm({ quick }: Scale): Promise<Part> {
  const rounds = quick ? 2 : 5;
  const figures: Figures = new Map();
  for (let round = 0; round < rounds; round++) {
    const contestant = await startContestant("scrip");
    // as long as the compilers of the engine's process need to be done with it: a server is not measured in its first second
    await contestant.ask(Series, { do: "abreast", runs: quick ? 1000 : 5000, abreast: 2 });
    for (const { name, measure } of rotated(steps(quick), round)) {
      // what the step before left to do is not this one's
      await new Promise((resolve) => setTimeout(resolve, 300));
      await measure(figures, contestant);
      progress(`warm ${round + 1}/${rounds}: ${name}`);
    }
    await contestant.end();
  }
  return report(figures);
}

function steps(quick: boolean): Step[] {
  const paced: Step = {
    name: "3 ms apart",
    measure: async (figures, contestant) => {
      const runs = quick ? 300 : 1000;
      const idle = await contestant.ask(Series, { do: "idle", runs });
      const { times, ownCpuMs, childrenCpuMs } = await contestant.ask(Series, { do: "warm", runs });
      keep(figures, "warm p50", quantile(times, 0.5));
      keep(figures, "warm p99", quantile(times, 0.99));
      keep(figures, "warm engine CPU", (ownCpuMs - idle.ownCpuMs) / runs);
      keep(figures, "warm sandbox CPU", (childrenCpuMs - idle.childrenCpuMs) / runs);
    },
  };
  const cold: Step = {
    name: "new code each time",
    measure: async (figures, contestant) => {
      const runs = quick ? 60 : 200;
      const { times, ownCpuMs, childrenCpuMs } = await contestant.ask(Series, { do: "cold", runs });
      keep(figures, "cold p50", quantile(times, 0.5));
      keep(figures, "cold p99", quantile(times, 0.99));
      keep(figures, "cold engine CPU", ownCpuMs / runs);
      keep(figures, "cold sandbox CPU", childrenCpuMs / runs);
    },
  };
  const backToBack = widths.map((abreast) => ({
    name: `back to back, ${abreast} abreast`,
    measure: async (figures: Figures, contestant: Contestant) => {
      const runs = quick ? 1500 : 5000;
      const series = await contestant.ask(Series, { do: "abreast", runs, abreast });
      keep(figures, `${abreast} rate`, (runs * 1000) / series.wallMs);
      keep(figures, `${abreast} p50`, quantile(series.times, 0.5));
      keep(figures, `${abreast} p99`, quantile(series.times, 0.99));
      keep(figures, `${abreast} engine CPU`, series.ownCpuMs / runs);
      keep(figures, `${abreast} sandbox CPU`, series.childrenCpuMs / runs);
    },
  }));
  return [paced, cold, ...backToBack];
}

function keep(figures: Figures, name: string, figure: number): void {
  figures.set(name, [...(figures.get(name) ?? []), figure]);
}

function report(figures: Figures): Part {
  const of = (name: string) => median(figures.get(name) ?? []);
  const row = (name: string, key: string) => ({
    name,
    figures: ["p50", "p99", "rate", "engine CPU", "sandbox CPU"].map((figure) => of(`${key} ${figure}`)),
  });
  const rates = widths.map((abreast) => ({
    name: `back to back, ${abreast} abreast: runs/s`,
    figure: of(`${abreast} rate`),
    atLeast: 2000,
  }));
  return {
    title: "Scrip's pool",
    columns: ["p50 ms", "p99 ms", "runs/s", "engine's CPU ms a run", "sandbox's CPU ms a run"],
    rows: [
      row("warm run, one host call, 3 ms apart", "warm"),
      row("new code each time, 3 ms apart", "cold"),
      ...widths.map((abreast) => row(`back to back, ${abreast} abreast`, String(abreast))),
    ],
    notes: [
      "Medians over the rounds, each in a fresh process. The CPU time of the warm row is that beyond the same pauses and checks without a sandbox.",
    ],
    goals: [
      { name: "warm run p50 ms", figure: of("warm p50"), atMost: 0.45 },
      { name: "warm run p99 ms", figure: of("warm p99"), atMost: 2.5 },
      { name: "new isolate p50 ms", figure: of("cold p50"), atMost: 4 },
      ...rates.slice(1),
      { name: "engine's CPU ms a warm run", figure: of("warm engine CPU"), atMost: 0.15 },
    ],
  };
}
