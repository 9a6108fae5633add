import { once } from "node:events";
import { join } from "node:path";
import type {
  HostCall,
  HostCallHandler,
  Sandbox,
  SandboxInspection,
  SandboxRun,
  SandboxStats,
} from "../../engine/sandbox.ts";
import { startWorker } from "../fakes/worker.ts";
import type { Question } from "./loader-bridge.ts";

/** What the Worker says: a host call of a run, how a run or an inspection ended, or its numbers. */
type Told = { id: number } & (
  | { call: HostCall }
  | { run: SandboxRun }
  | { inspection: SandboxInspection }
  | { stats: SandboxStats }
);

/** A sandbox of the Worker Loader in a workerd of its own, as if it were here. `close` ends that too. */
export async function startLoaderSandbox(): Promise<Sandbox> {
  const worker = await startWorker({ entry: join(import.meta.dirname, "loader-bridge.ts") });
  const socket = new WebSocket(worker.url.replace(/^http/, "ws"));
  await once(socket, "open");
  const listeners = new Map<number, (told: Told) => void>();
  socket.addEventListener("message", ({ data }) => {
    const told: Told = JSON.parse(String(data));
    listeners.get(told.id)?.(told);
  });
  const tell = (question: Question) => socket.send(JSON.stringify(question));
  let asked = 0;
  const listen = (listener: (told: Told, id: number) => void) => {
    const id = asked++;
    listeners.set(id, (told) => listener(told, id));
    return id;
  };
  return {
    run({ signal, ...job }, host) {
      const { promise, resolve } = Promise.withResolvers<SandboxRun>();
      const id = listen((told) => {
        if ("call" in told) void answer(tell, told.id, told.call, host);
        else if ("run" in told) resolve(told.run);
      });
      const cancel = () => tell({ do: "cancel", id });
      tell({ do: "run", id, job, aborted: signal?.aborted ?? false });
      signal?.addEventListener("abort", cancel, { once: true });
      return promise;
    },
    inspect(module, budgets) {
      const { promise, resolve } = Promise.withResolvers<SandboxInspection>();
      const id = listen((told) => {
        if ("inspection" in told) resolve(told.inspection);
      });
      tell({ do: "inspect", id, module, budgets });
      return promise;
    },
    stats() {
      const { promise, resolve } = Promise.withResolvers<SandboxStats>();
      const id = listen((told) => {
        if ("stats" in told) resolve(told.stats);
      });
      tell({ do: "stats", id });
      return promise;
    },
    resting: () => [],
    ready: async () => socket.readyState === WebSocket.OPEN,
    async close() {
      socket.close();
      await worker.stop();
    },
  };
}

async function answer(tell: (question: Question) => void, id: number, call: HostCall, host: HostCallHandler) {
  tell({ do: "answer", id, seq: call.seq, answer: await host(call) });
}
