import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts", "workflows/**/*.test.ts", "local-stripe/**/*.test.ts", "cli/**/*.test.ts"],
    pool: "forks",
    // one less than there are cores is vitest's own choice: on two cores one of them would stand idle
    maxWorkers: Math.max(2, availableParallelism() - 1),
    execArgv: ["--no-node-snapshot"],
    // a server in another process is asked statement by statement
    testTimeout: process.env.SCRIP_TEST_DATABASE === "server" ? 180_000 : 20_000,
    hookTimeout: 60_000,
    reporters: ["default"],
  },
});
