import { type Contestant, startContestant } from "../contestant.ts";
import { median, quantile, rotated } from "../figures.ts";
import { Series } from "../messages.ts";
import { type Part, progress, type Scale } from "../report.ts";

type Step = { name: string; measure: (figures: Figures, contestant: Contestant) => Promise<void> };
type Figures = Map<string, number[]>;

const crowds = [
  { which: "templates", name: "template", abreast: 1 },
  { which: "templates", name: "template", abreast: 8 },
  { which: "abreast", name: "longer workflow", abreast: 1 },
  { which: "abreast", name: "longer workflow", abreast: 8 },
  { which: "abreast", name: "longer workflow", abreast: 32 },
];

/** Scrip's own pool: latency, throughput, and the CPU time that a run takes on either side of the pipe. */
export async function measureWarm({ quick }: Scale): Promise<Part> {
  const rounds = quick ? 2 : 5;
  const figures: Figures = new Map();
  for (let round = 0; round < rounds; round++) {
    const contestant = await startContestant("scrip");
    // as long as the compilers of the engine's process need to be done with it: a server is not measured in its first seconds
    const runs = quick ? 1000 : 10_000;
    for (const which of ["templates", "abreast"]) await contestant.ask(Series, { do: which, runs, abreast: 2 });
    await contestant.ask(Series, { do: "platform", runs: runs / 5, gapMs: 0 });
    for (const { name, measure } of rotated(steps(quick), round)) {
      // what the step before left to do is not this one's
      await new Promise((resolve) => setTimeout(resolve, 300));
      await measure(figures, contestant);
      progress(`warm ${round + 1}/${rounds}: ${name}`);
    }
    await contestant.end();
    await measureMachine(figures, quick);
    progress(`warm ${round + 1}/${rounds}: the machine itself`);
  }
  return report(figures);
}

/** What a run's messages take of themselves, in the same minute: it is not the same from hour to hour. */
async function measureMachine(figures: Figures, quick: boolean): Promise<void> {
  const contestant = await startContestant("echo");
  await contestant.ask(Series, { do: "abreast", runs: quick ? 1000 : 10_000 });
  await measurePaced(figures, contestant, "machine", quick);
  await contestant.end();
}

/** With pauses. The CPU time is that beyond the same pauses. */
async function measurePaced(figures: Figures, contestant: Contestant, which: string, quick: boolean): Promise<void> {
  const runs = quick ? 300 : 2000;
  const idle = await contestant.ask(Series, { do: "idle", runs });
  const { times, ownCpuMs, childrenCpuMs } = await contestant.ask(Series, { do: which, runs });
  keep(figures, `${which} p50`, quantile(times, 0.5));
  keep(figures, `${which} p99`, quantile(times, 0.99));
  keep(figures, `${which} engine CPU`, (ownCpuMs - idle.ownCpuMs) / runs);
  keep(figures, `${which} sandbox CPU`, (childrenCpuMs - idle.childrenCpuMs) / runs);
}

function steps(quick: boolean): Step[] {
  const paced = ["template", "warm", "platform"].map((which) => ({
    name: `${which}, 3 ms apart`,
    measure: (figures: Figures, contestant: Contestant) => measurePaced(figures, contestant, which, quick),
  }));
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
  const backToBack = crowds.map(({ which, abreast }) => ({
    name: `${which}, ${abreast} abreast`,
    measure: async (figures: Figures, contestant: Contestant) => {
      const runs = quick ? 1500 : 5000;
      const series = await contestant.ask(Series, { do: which, runs, abreast });
      const key = `${which} ${abreast}`;
      keep(figures, `${key} rate`, (runs * 1000) / series.wallMs);
      keep(figures, `${key} p50`, quantile(series.times, 0.5));
      keep(figures, `${key} p99`, quantile(series.times, 0.99));
      keep(figures, `${key} engine CPU`, series.ownCpuMs / runs);
      keep(figures, `${key} sandbox CPU`, series.childrenCpuMs / runs);
    },
  }));
  return [...paced, cold, ...backToBack];
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
  const rates = crowds
    .filter(({ abreast }) => abreast > 1)
    .map(({ which, name, abreast }) => ({
      name: `${name}, back to back, ${abreast} abreast: runs/s`,
      figure: of(`${which} ${abreast} rate`),
      atLeast: 2000,
    }));
  const latencies = [
    { key: "template", name: "template" },
    { key: "warm", name: "longer workflow" },
  ].flatMap(({ key, name }) => [
    { name: `${name}, warm p50 ms`, figure: of(`${key} p50`), atMost: 0.45 },
    { name: `${name}, warm p99 ms`, figure: of(`${key} p99`), atMost: 2.5 },
    { name: `${name}, engine's CPU ms a warm run`, figure: of(`${key} engine CPU`), atMost: 0.15 },
  ]);
  return {
    title: "Scrip's pool",
    columns: ["p50 ms", "p99 ms", "runs/s", "engine's CPU ms a run", "sandbox's CPU ms a run"],
    rows: [
      row("template of a new method, one host call, 3 ms apart", "template"),
      row("longer workflow, one host call, 3 ms apart", "warm"),
      row("a short workflow with fetch and URL, 3 ms apart", "platform"),
      row("new code each time, 3 ms apart", "cold"),
      ...crowds.map(({ which, name, abreast }) =>
        row(`${name}, back to back, ${abreast} abreast`, `${which} ${abreast}`),
      ),
      row("the machine itself: two messages to an idle process and back, 3 ms apart", "machine"),
    ],
    notes: [
      "Medians over the rounds, each in a fresh process. The CPU time of the warm rows is that beyond the same pauses and checks without a sandbox.",
    ],
    goals: [...latencies, { name: "new isolate p50 ms", figure: of("cold p50"), atMost: 4 }, ...rates],
  };
}
