import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts", "workflows/**/*.test.ts", "local-stripe/**/*.test.ts", "cli/**/*.test.ts"],
    pool: "forks",
    // one less than there are cores is vitest's own choice: on two cores one of them would stand idle
    maxWorkers: Math.max(2, availableParallelism() - 1),
    execArgv: ["--no-node-snapshot"],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    reporters: ["default"],
  },
});
