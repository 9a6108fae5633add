import { startContestant } from "../contestant.ts";
import { median, quantile, rotated } from "../figures.ts";
import { Beside, Series } from "../messages.ts";
import { type Part, progress, type Scale } from "../report.ts";

type Phase = { p50: number; p99: number; worst: number; runs: number };

const neighbours = [0, 1, 2];

/** One method's latency alone, and while others repeat infinite loops without a pause. By turns in one process. */
export async function measureFairness({ quick }: Scale): Promise<Part> {
  const rounds = quick ? 1 : 4;
  const taken = new Map<number, Phase[]>(neighbours.map((count) => [count, []]));
  const ends: Record<string, number> = {};
  for (let round = 0; round < rounds; round++) {
    const contestant = await startContestant("scrip");
    for (const count of rotated(neighbours, round)) {
      // what the loops have ended is replaced by then
      await new Promise((resolve) => setTimeout(resolve, 1500));
      await contestant.ask(Series, { do: "warm", runs: 100, gapMs: 1 });
      const terms = { do: "beside", neighbours: count, runs: quick ? 600 : 1000, forMs: quick ? 4000 : 8000 };
      const beside = await contestant.ask(Beside, terms);
      const { times } = beside;
      const worst = Math.max(...times);
      const phase = { p50: quantile(times, 0.5), p99: quantile(times, 0.99), worst, runs: times.length };
      taken.get(count)?.push(phase);
      for (const [kind, times] of Object.entries(beside.ends)) ends[kind] = (ends[kind] ?? 0) + times;
      progress(`fairness ${round + 1}/${rounds}: ${count} loops, p99 ${phase.p99.toFixed(2)} ms of ${phase.runs} runs`);
    }
    await contestant.end();
  }
  return report(taken, ends);
}

function report(taken: Map<number, Phase[]>, ends: Record<string, number>): Part {
  const alone = taken.get(0) ?? [];
  const of = (count: number, figure: (phase: Phase) => number) => median((taken.get(count) ?? []).map(figure));
  const ratio = (count: number, figure: (phase: Phase) => number) =>
    median(
      (taken.get(count) ?? []).flatMap((phase, i) => alone.slice(i, i + 1).map((own) => figure(phase) / figure(own))),
    );
  const names = ["alone", "beside one infinite loop after the other", "beside two at once"];
  const [p50, p99] = [(phase: Phase) => phase.p50, (phase: Phase) => phase.p99];
  return {
    title: "A method's latency beside a neighbour's infinite loops, one host call, 3 ms apart",
    columns: ["p50 ms", "p99 ms", "worst ms", "runs", "p50 to alone", "p99 to alone"],
    rows: neighbours.map((count) => ({
      name: names[count] ?? "",
      figures: [
        of(count, p50),
        of(count, p99),
        of(count, ({ worst }) => worst),
        of(count, ({ runs }) => runs),
        ratio(count, p50),
        ratio(count, p99),
      ],
    })),
    notes: [`The loops' runs ended as ${JSON.stringify(ends)}.`],
    goals: [1, 2].map((count) => ({
      name: `p99 ${names[count]}, to alone`,
      figure: ratio(count, p99),
      atMost: 2,
    })),
  };
}
