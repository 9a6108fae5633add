import guest from "scrip:guest";
import * as v from "valibot";
import { createWorkerLoaderSandbox, type WorkerLoader } from "../../engine/sandbox/worker-loader.ts";
import type { HostAnswer } from "../../engine/sandbox.ts";
import { Json } from "../../schemas/json.ts";
import { Budgets } from "../../schemas/workflow.ts";

/** What the test asks of the Worker, and what it answers to the host calls of its runs. */
const Question = v.variant("do", [
  v.object({
    do: v.literal("run"),
    id: v.number(),
    aborted: v.boolean(),
    job: v.object({
      runId: v.string(),
      tenant: v.string(),
      module: v.object({ codeHash: v.string(), script: v.string() }),
      input: Json,
      budgets: Budgets,
    }),
  }),
  v.object({
    do: v.literal("inspect"),
    id: v.number(),
    module: v.object({ codeHash: v.string(), script: v.string() }),
    budgets: Budgets,
  }),
  v.object({ do: v.literal("stats"), id: v.number() }),
  v.object({ do: v.literal("cancel"), id: v.number() }),
  v.object({ do: v.literal("answer"), id: v.number(), seq: v.number(), answer: v.custom<HostAnswer>(() => true) }),
]);
export type Question = v.InferOutput<typeof Question>;

type Socket = { accept(): void; send(text: string): void; addEventListener: WebSocket["addEventListener"] };
declare const WebSocketPair: new () => [client: Socket, server: Socket];

/** A Worker around the sandbox: runs are asked for over a WebSocket, and their host calls go back over it. */
export default {
  fetch(_request: Request, { LOADER }: { LOADER: WorkerLoader }): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    const sandbox = createWorkerLoaderSandbox(LOADER, guest);
    const cancels = new Map<number, AbortController>();
    const answers = new Map<string, (answer: HostAnswer) => void>();
    const tell = (message: object) => server.send(JSON.stringify(message));
    const run = async ({ id, job, aborted }: Extract<Question, { do: "run" }>) => {
      const cancel = new AbortController();
      cancels.set(id, cancel);
      if (aborted) cancel.abort();
      const ended = await sandbox.run({ ...job, signal: cancel.signal }, (call) => {
        const { promise, resolve } = Promise.withResolvers<HostAnswer>();
        answers.set(`${id}:${call.seq}`, resolve);
        tell({ id, call });
        return promise;
      });
      cancels.delete(id);
      tell({ id, run: ended });
    };
    server.accept();
    server.addEventListener("message", async ({ data }) => {
      const question = v.parse(Question, JSON.parse(String(data)));
      if (question.do === "run") await run(question);
      else if (question.do === "cancel") cancels.get(question.id)?.abort();
      else if (question.do === "stats") tell({ id: question.id, stats: await sandbox.stats() });
      else if (question.do === "answer") answers.get(`${question.id}:${question.seq}`)?.(question.answer);
      else tell({ id: question.id, inspection: await sandbox.inspect(question.module, question.budgets) });
    });
    return new Response(null, switching(client));
  },
};

/** workerd's own way of answering with a WebSocket, which the web's types have no word for. */
function switching(webSocket: Socket): ResponseInit {
  const init = { status: 101, webSocket };
  return init;
}
