import type { HostileCase, HostileFamily } from "../hostile-case.ts";
import { builtIns } from "./built-ins.ts";
import { escapes } from "./escapes.ts";
import { floods } from "./floods.ts";
import { forgeries } from "./forgeries.ts";
import { leaks } from "./leaks.ts";
import { loops } from "./loops.ts";
import { memoryBombs } from "./memory.ts";
import { timing } from "./timing.ts";

/** The whole corpus, by family. */
export const hostileCases: Record<HostileFamily, readonly HostileCase[]> = {
  loops,
  memory: memoryBombs,
  "built-ins": builtIns,
  floods,
  escapes,
  forgeries,
  leaks,
  timing,
};
