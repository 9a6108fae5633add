import { loadavg } from "node:os";
import { createProcessPool } from "../../engine/sandbox/process-pool.ts";
import { type CorpusRow, measureCorpus, type Worst } from "./measure.ts";

/** Runs the corpus against the process pool and prints what came of it: `npx node tests/hostile/main.ts [families]`. */
const head =
  "family | cases | wrong | verdict / budget | controls answered, wrong, lost | effects doubled, missing | delay ms | turn ms | killed";
console.log(`load at start ${loadavg()[0]?.toFixed(2)}\n\n${head}\n${head.replace(/[^|]+/g, "---")}`);
const families = process.argv.slice(2);
const rows = await measureCorpus(() => createProcessPool(), families.length > 0 ? families : undefined, print);
process.exit(rows.every(({ wrong, controls }) => wrong.length === 0 && controls.faults.length === 0) ? 0 : 1);

function print({ family, cases, wrong, verdict, controls, delay, turn, killed }: CorpusRow): void {
  const { answered, lost, doubled, missing } = controls;
  const ofControls = `${answered}, ${controls.wrong}, ${lost} | ${doubled}, ${missing}`;
  const figures = `${worst(verdict)} | ${ofControls} | ${worst(delay)} | ${worst(turn)} | ${killed}`;
  console.log(`${family} | ${cases} | ${wrong.length} | ${figures}`);
  for (const fault of [...wrong, ...controls.faults]) console.error(`  ${fault}`);
}

function worst({ figure, of }: Worst): string {
  return of === "" ? "" : `${figure.toFixed(2)} (${of})`;
}
