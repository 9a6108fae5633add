import { createProcessPool } from "../../../engine/sandbox/process-pool.ts";
import { type CorpusRow, measureCorpus } from "../../../tests/hostile/measure.ts";
import { type Part, progress, type Scale } from "../report.ts";

const quickFamilies = ["escapes", "forgeries", "leaks", "timing"];

/** The hostile corpus in this process, with a fresh pool for each family: who was harmed, how late verdicts are, and the event loop. */
export async function measureHostile({ quick }: Scale): Promise<Part> {
  const rows = await measureCorpus(
    () => createProcessPool(),
    quick ? quickFamilies : undefined,
    ({ family, wrong, controls }) => {
      progress(`corpus: ${family}`);
      for (const fault of [...wrong, ...controls.faults]) progress(`  ${fault}`);
    },
  );
  const total = (of: (row: CorpusRow) => number) => rows.reduce((sum, row) => sum + of(row), 0);
  const most = (of: (row: CorpusRow) => number) => Math.max(...rows.map(of));
  const harm = ({ wrong, lost, doubled, missing }: CorpusRow["controls"]) => wrong + lost + doubled + missing;
  return {
    title: "The hostile corpus, harmless runs beside each case",
    columns: [
      "cases",
      "wrong",
      "verdict / budget",
      "harmless runs",
      "harmed",
      "turn ms",
      "delay ms",
      "processes ended",
    ],
    rows: rows.map(({ family, cases, wrong, verdict, controls, turn, delay, killed }) => ({
      name: family,
      figures: [
        cases,
        wrong.length,
        verdict.figure,
        controls.answered,
        harm(controls),
        turn.figure,
        delay.figure,
        killed,
      ],
    })),
    notes: [
      "`turn` is the event loop's longest turn in CPU time of its thread, `delay` by the clock, where other work counts as well.",
    ],
    goals: [
      { name: "hostile cases that end wrong", figure: total(({ wrong }) => wrong.length), atMost: 0 },
      { name: "harmless runs and calls harmed", figure: total(({ controls }) => harm(controls)), atMost: 0 },
      { name: "latest verdict, to the budget", figure: most(({ verdict }) => verdict.figure), atMost: 2 },
      { name: "longest turn of the event loop, ms", figure: most(({ turn }) => turn.figure), atMost: 25 },
    ],
  };
}
