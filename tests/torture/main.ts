import { parseArgs } from "node:util";
import { torture } from "./torture.ts";

/** `npm run torture -- --purchases 10000`: see `torture.ts`. Ends with 1 when anything was found to be wrong. */
const { values } = parseArgs({
  options: {
    purchases: { type: "string", default: "1000" },
    "kill-every-ms": { type: "string", default: "4000" },
    seed: { type: "string", default: String(Date.now() % 100_000) },
    concurrency: { type: "string", default: "24" },
  },
});

const { counts, kills, seconds, ...wrongs } = await torture({
  purchases: Number(values.purchases),
  killEveryMs: Number(values["kill-every-ms"]),
  seed: Number(values.seed),
  concurrency: Number(values.concurrency),
  say: console.log,
});
console.table({ ...counts, kills, seconds, seed: Number(values.seed) });
const found = Object.entries(wrongs).map(([what, sessions]) => [what, sessions.length] as const);
console.table(Object.fromEntries(found));
for (const [what, sessions] of Object.entries(wrongs)) {
  if (sessions.length > 0) console.error(`${what}: ${sessions.slice(0, 10).join(", ")}`);
}
process.exitCode = found.every(([, count]) => count === 0) ? 0 : 1;
