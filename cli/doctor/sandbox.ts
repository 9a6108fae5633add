import { compileWorkflow } from "../../engine/sandbox/esbuild-compiler.ts";
import { createProcessPool } from "../../engine/sandbox/process-pool.ts";
import type { SandboxOutcome } from "../../engine/sandbox.ts";
import { type Checked, find } from "./findings.ts";

const slowMs = 10_000;
const budgets = {
  wallMs: 30_000,
  cpuMs: 5000,
  memoryBytes: 32 << 20,
  outboundCalls: 0,
  responseBytes: 1024,
  resultBytes: 1024,
  logBytes: 0,
};

/** Starts a sandbox of one process, as a server does, and has it run a workflow. */
export async function checkSandbox(): Promise<Checked> {
  const about = "sandbox";
  const startedMs = performance.now();
  const compiled = await compileWorkflow("export default ({ name }) => `hello ${name}`;");
  if (!compiled.ok) {
    const message = compiled.problems.map((problem) => problem.message).join("; ");
    return { about, seen: "", findings: [find("sandbox_broken", `A workflow cannot be compiled: ${message}`)] };
  }
  const sandbox = createProcessPool({ processes: 1 });
  try {
    const job = { runId: "doctor", tenant: "doctor", module: compiled.workflow, input: { name: "doctor" }, budgets };
    const { outcome } = await sandbox.run(job, async () => ({ ok: false, error: { name: "Error", message: "no" } }));
    const elapsedMs = Math.round(performance.now() - startedMs);
    if (outcome.kind !== "returned" || outcome.value !== "hello doctor") {
      return { about, seen: "", findings: [find("sandbox_broken", `A workflow cannot be run: ${reasonOf(outcome)}`)] };
    }
    const findings = elapsedMs > slowMs ? [find("sandbox_slow", `A first run takes ${elapsedMs} ms`)] : [];
    return { about, seen: `a first run in ${elapsedMs} ms`, findings };
  } finally {
    await sandbox.close();
  }
}

function reasonOf(outcome: SandboxOutcome): string {
  if (outcome.kind === "threw") return outcome.error.message;
  return outcome.kind === "returned" ? "it returned something else" : outcome.message;
}
