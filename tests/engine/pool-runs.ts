import { onTestFinished, vi } from "vitest";
import { createProcessPool, type ProcessPoolOptions } from "../../engine/sandbox/process-pool.ts";
import type { HostAnswer, HostCall, Sandbox } from "../../engine/sandbox.ts";
import { recordingHost, runSource } from "../contracts/sandbox.ts";

/** Loops inside one of V8's own functions, where no limit of isolated-vm reaches it. */
export const stuck = "export default () => Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1);";
/** Asks twice, the second time with what the first answer was. */
export const twoCalls = `export default async ({ i }) => {
  const first = await (await fetch("https://api.example/first/" + i)).text();
  const second = await (await fetch("https://api.example/second/" + i + "/" + first)).text();
  return [i, first, second];
};`;

/** A pool that can run, closed when the test is over. */
export async function open(options: ProcessPoolOptions): Promise<Sandbox> {
  const sandbox = createProcessPool(options);
  onTestFinished(() => sandbox.close());
  await vi.waitUntil(() => sandbox.ready(), { timeout: 20_000 });
  return sandbox;
}

/** The answer to a fetch. */
export function text(body: string): HostAnswer {
  return { ok: true, value: { status: 200, statusText: "", url: "", headers: {}, body } };
}

function urlOf({ args }: HostCall): string {
  return String(typeof args === "object" && args !== null && "url" in args ? args.url : "");
}

/** A host whose answers to `/second/` wait until `release` is called. */
export function waitingHost() {
  const { promise: gate, resolve: release } = Promise.withResolvers<void>();
  const { calls, handler } = recordingHost(async (call) => {
    if (urlOf(call).includes("/second/")) await gate;
    return text(urlOf(call).includes("/second/") ? "B" : "A");
  });
  return { calls, handler, release };
}

/** Five runs that wait for their second call, in a pool of one process. */
export function waitingRuns(sandbox: Sandbox) {
  const host = waitingHost();
  const runs = [0, 1, 2, 3, 4].map((i) =>
    runSource(sandbox, twoCalls, { input: { i }, host: host.handler, tenant: "innocent", budgets: { wallMs: 20_000 } }),
  );
  const waiting = vi.waitUntil(() => host.calls.length === 10, { timeout: 10_000 });
  return { ...host, runs, waiting };
}

/** How the runs of `waitingRuns` end. */
export const expectedOutcomes = [0, 1, 2, 3, 4].map((i) => ({ kind: "returned", value: [i, "A", "B"] }));
