import { parseArgs } from "node:util";
import { outage } from "./outage.ts";

/** `npx node tests/torture/outage-main.ts --away-ms 20000`: see `outage.ts`. Ends with 1 when anything was wrong. */
const { values } = parseArgs({ options: { "away-ms": { type: "string", default: "20000" } } });

for (const how of ["kill", "pause"] as const) {
  const { phases, recoveredMs, wrong } = await outage({ awayMs: Number(values["away-ms"]), how, say: console.log });
  for (const [phase, answers] of Object.entries(phases)) {
    console.log(phase);
    console.table(answers);
  }
  console.log(`recovered in ${recoveredMs} ms; wrong: ${wrong.length === 0 ? "nothing" : wrong.join("; ")}`);
  if (wrong.length > 0) process.exitCode = 1;
}
