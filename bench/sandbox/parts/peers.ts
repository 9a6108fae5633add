import { type Contestant, startContestant } from "../contestant.ts";
import { median, quantile, rotated } from "../figures.ts";
import { Series } from "../messages.ts";
import { type Part, progress, type Row, type Scale } from "../report.ts";

type Kind = "warm" | "cold";
type Taken = { p50: number; p99: number; cpuMs: number };

const contestants = [
  { program: "scrip", warm: "Scrip's pool: warm isolate, new context", cold: "Scrip's pool: new code" },
  {
    program: "isolated-vm",
    warm: "isolated-vm in the engine's process: warm isolate, new context",
    cold: "isolated-vm in the engine's process: new isolate",
  },
  {
    program: "quickjs",
    warm: "quickjs-emscripten: new context in one runtime",
    cold: "quickjs-emscripten: new runtime",
  },
  {
    program: "worker-loader",
    warm: "Worker Loader, Miniflare: module known, its globals kept",
    cold: "Worker Loader, Miniflare: new module",
  },
];

/** The same workflow with the same pauses in Scrip's pool and in its peers, by turns. */
export async function measurePeers({ quick }: Scale): Promise<Part> {
  const rounds = quick ? 2 : 6;
  const taken = new Map<string, Taken[]>();
  const echoes: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const { program } of rotated(contestants, round)) {
      const contestant = await startContestant(program);
      await contestant.ask(Series, { do: "warm", runs: 150, gapMs: 1 });
      await contestant.ask(Series, { do: "cold", runs: 10, gapMs: 1 });
      const echo = program === "worker-loader" ? await echoMs(contestant) : undefined;
      if (echo !== undefined) echoes.push(echo);
      const order: Kind[] = round % 2 === 0 ? ["warm", "cold"] : ["cold", "warm"];
      for (const kind of order) {
        const figures = await measure(contestant, kind, quick, echo ?? 0);
        taken.set(`${program} ${kind}`, [...(taken.get(`${program} ${kind}`) ?? []), figures]);
        progress(`peers ${round + 1}/${rounds}: ${program}, ${kind}: ${figures.p50.toFixed(2)} ms`);
      }
      await contestant.end();
    }
  }
  return report(taken, median(echoes));
}

async function measure(contestant: Contestant, kind: Kind, quick: boolean, lessMs: number): Promise<Taken> {
  const full = kind === "warm" ? 500 : 120;
  const runs = quick ? full / 2 : full;
  const { times, ownCpuMs, childrenCpuMs } = await contestant.ask(Series, { do: kind, runs });
  return {
    p50: quantile(times, 0.5) - lessMs,
    p99: quantile(times, 0.99) - lessMs,
    cpuMs: (ownCpuMs + childrenCpuMs) / runs,
  };
}

async function echoMs(contestant: Contestant): Promise<number> {
  await contestant.ask(Series, { do: "echo", runs: 100, gapMs: 1 });
  const { times } = await contestant.ask(Series, { do: "echo", runs: 300 });
  return quantile(times, 0.5);
}

function report(taken: Map<string, Taken[]>, echo: number): Part {
  const row = (name: string, program: string, kind: Kind): Row => {
    const own = taken.get(`${program} ${kind}`) ?? [];
    const scrip = taken.get(`scrip ${kind}`) ?? [];
    const ratio = (of: (taken: Taken) => number) =>
      median(own.flatMap((figures, round) => scrip.slice(round, round + 1).map((other) => of(figures) / of(other))));
    const of = (figure: (taken: Taken) => number) => median(own.map(figure));
    const [p50, p99] = [(figures: Taken) => figures.p50, (figures: Taken) => figures.p99];
    return { name, figures: [of(p50), of(p99), ratio(p50), ratio(p99), of(({ cpuMs }) => cpuMs)] };
  };
  return {
    title: "Scrip's pool and its peers, one host call, 3 ms apart",
    columns: ["p50 ms", "p99 ms", "p50 to Scrip's", "p99 to Scrip's", "CPU ms a run, all processes, pauses included"],
    rows: [
      ...contestants.map(({ program, warm }) => row(warm, program, "warm")),
      ...contestants.map(({ program, cold }) => row(cold, program, "cold")),
    ],
    notes: [
      "Medians over the rounds; ratios are those of the same round. Only Scrip's pool is another process than the engine's,",
      "bounds every turn of a run in time, outlives a guest that ends its process, and gives a run the web's globals.",
      `Worker Loader is asked over a WebSocket from Node, whose median (${echo.toFixed(2)} ms there and back) is taken off its times.`,
    ],
    goals: [],
  };
}
